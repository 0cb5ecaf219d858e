"""What `kreg demo` runs: one network that overfits, trained four ways."""
