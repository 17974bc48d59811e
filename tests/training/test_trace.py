"""gristmill train batch: the documents of a step, with their addresses, whatever became of the run since."""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
from collections import Counter
from collections.abc import Callable
from datetime import date
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest

from gristmill import verdicts
from gristmill.addresses import addresses
from gristmill.catalogue import Catalogue
from gristmill.errors import UserError
from gristmill.lake import Lake
from gristmill.schemas import OFFSET_BITS, SCHEMAS
from training import parity
from training.commands import train as command
from training.config import PretrainConfig, load_config
from training.route import Route
from training.trace import traced

RUN = "nano-0123456789ab"
HOSTILE = "https://x.example/\x1b[2J\u202e"
Benches = Callable[..., Any]


def with_addresses(bench: Any, folder: Path) -> None:
    """Crawl files, documents and a corpus behind the bench's tokens, as the stages before training leave them."""
    lake: Lake = bench.lake
    paths = [folder / f"crawl-{i}.warc.gz" for i in range(2)]
    for path in paths:
        path.write_bytes(b"crawl")
    Catalogue(lake).add("one", date(2026, 3, 1), paths)
    ids = sorted(set(lake.read(bench.tokens, ["doc_id"]).column("doc_id").to_pylist()))
    rows = [{"doc_id": d, "url": HOSTILE if d == 0 else f"https://one.example/{d}"} for d in ids]
    table = pa.Table.from_pylist(rows, schema=SCHEMAS["documents"])
    documents = lake.publish("documents", [lake.write_table("documents", "000000", table)], {}).digest
    kept = lake.write_table("corpus", "00000", pa.Table.from_pylist(rows, schema=SCHEMAS["corpus"]))
    corpus = lake.publish("corpus", [kept], {"inputs": {"documents": documents}}).digest
    lake.publish("tokens", lake.manifest(bench.tokens).files, {"inputs": {"corpus.one": corpus}, "time": "2026"})


@pytest.fixture(scope="module")
def bench(benches: Benches, tmp_path_factory: pytest.TempPathFactory) -> Any:
    folder = tmp_path_factory.mktemp("trace")
    made = benches(folder)
    with_addresses(made, folder)
    config: PretrainConfig = load_config(made.profile.pretrain, {})
    request = {
        "run_id": RUN, "config": config.model_dump(mode="json"), "vocabulary": 61, "tokens": made.tokens,
        "tokenizer": made.tokenizer, "checkpoints": str(folder / "checkpoints"),
    }  # fmt: skip
    (made.profile.work_dir / "runs" / RUN).mkdir(parents=True)
    (made.profile.work_dir / "runs" / RUN / "request.json").write_text(json.dumps(request))
    (folder / "checkpoints").mkdir()
    return made


def asked(bench: Any, *options: str) -> argparse.Namespace:
    parser = argparse.ArgumentParser()
    command.add_arguments(parser)
    return parser.parse_args(["batch", f"--run={RUN}", f"--profile={bench.profile.source}", *options])


def test_a_batch_names_the_documents_of_each_sequence_with_their_addresses(bench: Any) -> None:
    spans = traced(bench.lake, bench.profile, RUN, 3)
    tokens: Counter[int] = Counter()
    for span in spans:
        tokens[span["sequence"]] += span["tokens"]
        assert span["url"] == (HOSTILE if span["doc_id"] == 0 else f"https://one.example/{span['doc_id']}")
        assert span["file"].endswith("crawl-0.warc.gz")
        assert (span["offset"], span["offsets"]) == (span["doc_id"], "file")
        assert (span["snapshot"], span["objective"]) == ("one", "causal")
    assert sorted(tokens) == list(range(16))
    assert all(0 < n <= 16 for n in tokens.values())


def test_over_the_epochs_every_span_is_told_equally_often(bench: Any) -> None:
    rows = bench.lake.read(bench.tokens, ["tokens"]).column("tokens").to_pylist()[:-8]
    spans = [span for step in range(1, 21) for span in traced(bench.lake, bench.profile, RUN, step)]
    seen = Counter((span["doc_id"], span["start"]) for span in spans)
    assert sum(span["tokens"] for span in spans) >= 2 * sum(map(len, rows))  # 20 steps are more than two epochs
    often = [n for (doc_id, _), n in seen.items() if doc_id]  # both shards of this bench have a document 0
    assert max(often) - min(often) <= 1


def test_after_a_rollback_the_data_that_count_are_told(bench: Any) -> None:
    before = {step: traced(bench.lake, bench.profile, RUN, step) for step in (4, 5, 8, 9)}
    request = json.loads((bench.profile.work_dir / "runs" / RUN / "request.json").read_bytes())
    route = Path(request["checkpoints"])
    try:
        Route().rolled_back(step=7, to=4).write(route)  # data of steps 5 to 8 (from 1) are passed over
        assert traced(bench.lake, bench.profile, RUN, 4) == before[4]
        assert traced(bench.lake, bench.profile, RUN, 5) == before[9]
    finally:
        (route / "route.json").unlink()


def test_a_verdict_that_turned_bad_hides_nothing(benches: Benches, bench: Any) -> None:
    before = traced(bench.lake, bench.profile, RUN, 2)
    judged = verdicts.latest(bench.lake, bench.tokens)
    verdicts.record(
        bench.lake, subject=bench.tokens, kind="tokens", suite="stricter", history="h", outcome="block", checks=[],
        digests=judged.digests if judged else {},
    )  # fmt: skip
    assert traced(bench.lake, bench.profile, RUN, 2) == before


@pytest.mark.parametrize("step", [0, 21, -1])
def test_a_step_that_the_run_does_not_have_is_refused(bench: Any, step: int) -> None:
    with pytest.raises(UserError, match="has steps 1 to 20"):
        traced(bench.lake, bench.profile, RUN, step)


def test_an_unknown_run_is_refused_with_the_nearest(bench: Any) -> None:
    with pytest.raises(UserError, match=rf"no training run 'nano-0123456789ax'.*{RUN}"):
        traced(bench.lake, bench.profile, "nano-0123456789ax", 1)
    with pytest.raises(UserError, match="no training run"):
        traced(bench.lake, bench.profile, "../..", 1)


def test_the_command_prints_a_line_a_span_and_nothing_that_steers_a_terminal(
    bench: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    for step in range(1, 21):
        assert command.run(asked(bench, f"--step={step}")) == 0
    printed = capsys.readouterr().out
    assert "step 20: 16 sequences" in printed
    assert "\\x1b[2J\\x202e" in printed
    assert not {"\x1b", "\u202e"} & set(printed)
    assert "crawl-0.warc.gz at byte 0 (doc_id 0)" in printed
    assert command.run(asked(bench, "--step=3", "--json")) == 0
    assert json.loads(capsys.readouterr().out) == traced(bench.lake, bench.profile, RUN, 3)


def test_what_is_not_known_of_a_document_is_said(bench: Any) -> None:
    lost = 5 << OFFSET_BITS | 77
    assert addresses(bench.lake, bench.tokens, "one", [lost])[lost].file is None
    (address,) = addresses(bench.lake, "0" * 64, "nowhere", [77]).values()
    assert (address.url, address.file, address.offset) == (None, None, 77)
    span = {"sequence": 0, "objective": "causal", "snapshot": "labelled data of causal", "doc_id": 3, "start": 0,
            "tokens": 9, "url": None, "file": None, "offset": 3, "offsets": "file"}  # fmt: skip
    assert "no URL known  labelled data of causal: doc_id 3" in command.render(1, [span])


def test_parity_is_an_action_of_the_same_command() -> None:
    parser = argparse.ArgumentParser()
    command.add_arguments(parser)
    assert parser.parse_args(["parity", "--quick"]).act is parity.main


def test_a_batch_is_told_without_torch() -> None:
    code = "import sys, training.trace, training.commands.train; sys.exit('torch' in sys.modules)"
    subprocess.run([sys.executable, "-c", code], check=True)
