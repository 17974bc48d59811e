"""How stages are started: inputs by digest or from the ledger, one result file, one meaning per exit code."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from gristmill.errors import UserError
from gristmill.lake import Lake, LakeError
from gristmill.ledger import attempt
from gristmill.process import GateBlocked, resolve_inputs, run_main, stage_parser, write_result


def test_a_stage_takes_inputs_by_name_and_digest(capsys: pytest.CaptureFixture[str]) -> None:
    args = stage_parser("d").parse_args(["--snapshot", "a", "--input", "x=1", "--input", "y=2"])
    assert (args.snapshot, args.input, args.run_id) == ("a", [("x", "1"), ("y", "2")], "manual")
    for wrong in (["--input", "x=1"], ["--snapshot", "a", "--input", "x"], ["--snap", "a"]):
        with pytest.raises(SystemExit) as caught:
            stage_parser("d").parse_args(wrong)
        assert caught.value.code == 2
    assert "'x' is not NAME=DIGEST" in capsys.readouterr().err


def test_an_input_is_the_given_one_else_the_newest_in_the_ledger(lake: Lake, mill: Any) -> None:
    digest = mill.publish("mix", [{"snapshot": "x", "doc_id": 1}])
    with attempt(lake, stage="mix", scope="a", config={}, inputs={}) as current:
        current.outputs["mix"] = digest
    assert resolve_inputs(lake, "a", [("tokens", "1")], ("mix", "tokens")) == {"mix": digest, "tokens": "1"}
    assert resolve_inputs(lake, "a", [("mix", "2")], ("mix",)) == {"mix": "2"}
    with pytest.raises(LakeError, match=r"no 'corpus' for a yet; run `python -m spark_jobs.curate --snapshot a` first"):
        resolve_inputs(lake, "a", [], ("corpus",))


def test_the_result_file_is_written_whole(tmp_path: Path) -> None:
    path = tmp_path / "result.json"
    write_result(path, {"mix": "1"}, {"rows": 2})
    assert json.loads(path.read_text()) == {"outputs": {"mix": "1"}, "summary": {"rows": 2}}
    assert list(tmp_path.iterdir()) == [path]
    write_result(None, {"mix": "1"}, {})


@pytest.mark.parametrize(
    ("error", "code", "message"),
    [
        (UserError("no such thing"), 2, "error: no such thing\n"),
        (LakeError("no dataset"), 2, "error: no dataset\n"),
        (GateBlocked("the gate blocked"), 3, "the gate blocked\n"),
    ],
)
def test_what_a_person_can_act_on_is_a_sentence_and_an_exit_code(
    capsys: pytest.CaptureFixture[str], error: Exception, code: int, message: str
) -> None:
    def main() -> None:
        raise error

    with pytest.raises(SystemExit) as caught:
        run_main(main)
    assert caught.value.code == code
    assert capsys.readouterr().err == message


def test_a_defect_keeps_its_traceback() -> None:
    def main() -> None:
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        run_main(main)
