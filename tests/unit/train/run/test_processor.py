"""Who is told that numbers of 16 bits are slow."""

import pytest

torch = pytest.importorskip("torch")

from glpose.train.run.processor import emulates_bf16  # noqa: E402

pytestmark = pytest.mark.torch
CPU = torch.device("cpu")


@pytest.mark.parametrize(
    ("can", "expected"),
    [
        ({"architecture": "x86_64", "avx512_bf16": False, "amx_bf16": False}, True),
        ({"architecture": "x86_64", "avx512_bf16": True, "amx_bf16": False}, False),
        ({"architecture": "x86_64", "avx512_bf16": False, "amx_bf16": True}, False),
        ({"architecture": "aarch64"}, False),
    ],
)
def test_only_processors_without_instructions_for_them(
    can: dict[str, object], expected: bool, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(torch.cpu, "get_capabilities", lambda: can, raising=False)
    assert emulates_bf16(CPU) == expected
    assert not emulates_bf16(torch.device("cuda"))


def test_an_old_torch_does_not_say(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.delattr(torch.cpu, "get_capabilities", raising=False)
    assert not emulates_bf16(CPU)
