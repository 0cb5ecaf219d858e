"""Registers kreg's classes with Keras, so that saved models can name them."""

import keras

register = keras.saving.register_keras_serializable(package="kreg")
"""Class decorator: makes `Name` loadable as `"kreg>Name"`.

Never rename a registered class without registering its old name as well: the
name stands in every model file that was saved with it.
"""
