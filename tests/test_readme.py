"""The README's code blocks run, one after the other."""

import pathlib
import re

ROOT = pathlib.Path(__file__).parent.parent


def test_code_blocks_run_in_order(tmp_path, monkeypatch, capsys):
    text = (ROOT / "README.md").read_text()
    blocks = re.findall(r"^```python\n(.*?)^```", text, re.M | re.S)
    assert len(blocks) >= 4
    monkeypatch.chdir(tmp_path)
    exec("\n".join(blocks), {"__name__": "__main__"})
    printed = capsys.readouterr().out
    assert "epoch" in printed  # the verdict
    assert "dense/kernel_regularizer/l2  0.0001" in printed
    assert (tmp_path / "curves.png").stat().st_size > 10_000


def test_links_lead_to_files():
    text = (ROOT / "README.md").read_text()
    for link in re.findall(r"\]\(([^)]+)\)", text):
        if not link.startswith("http"):
            assert (ROOT / link).exists(), link
