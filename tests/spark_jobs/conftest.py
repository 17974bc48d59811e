"""Crawls and lakes for the stages: WARC records written by hand, profiles in a folder of the test's own."""

from __future__ import annotations

import gzip
import logging
import random
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import settings

from gristmill import verdicts
from gristmill.catalogue import Catalogue
from gristmill.lake import Lake
from gristmill.ledger import Attempt
from gristmill.profile import PROJECT, Profile, load_profile
from gristmill.release import Release, candidate_digest, judged, release
from gristmill.units import Tasks, in_process
from quality.metrics import snapshot_metrics
from spark_jobs import annotate, curate, decide, deduplicate, extract
from spark_jobs.stage import StageContext

# The first call of a kernel compiles it, and nothing here asserts a time.
settings.register_profile("gristmill", deadline=None, database=None)
settings.load_profile("gristmill")

# It logs from a destructor, when pytest's streams are closed.
logging.getLogger("py4j").setLevel(logging.WARNING)

SHARED = PROJECT.parent / "shared" / "data"


class WarcWriter:
    """WARC records as crawlers write them."""

    def record(
        self,
        block: bytes,
        *,
        kind: str = "response",
        url: str | None = "http://site.example/page.html",
        content_type: str = "application/http; msgtype=response",
        length: int | None = None,
        date: str = "2026-01-05T10:00:00Z",
    ) -> bytes:
        """One record; `length` lies about the block's."""
        fields = [f"WARC-Type: {kind}", f"WARC-Date: {date}", f"Content-Type: {content_type}"]
        fields += [] if url is None else [f"WARC-Target-URI: {url}"]
        fields += [f"Content-Length: {len(block) if length is None else length}"]
        return "\r\n".join(["WARC/1.0", *fields, "", ""]).encode() + block + b"\r\n\r\n"

    def response(
        self, body: bytes, *, status: str = "200 OK", headers: Mapping[str, str] | None = None, **record: Any
    ) -> bytes:
        """A response record around an HTTP message."""
        fields = {"Content-Type": "text/html; charset=utf-8"} if headers is None else headers
        head = [f"HTTP/1.1 {status}", *(f"{name}: {value}" for name, value in fields.items()), "", ""]
        return self.record("\r\n".join(head).encode() + body, **record)

    def page(self, text: str, title: str = "A page") -> bytes:
        """HTML around paragraphs that blank lines part."""
        paragraphs = "".join(f"<p>{part}</p>" for part in text.split("\n\n"))
        html = f"<!DOCTYPE html><html><head><title>{title}</title></head><body><main>{paragraphs}</main></body></html>"
        return html.encode()

    def members(self, records: Iterable[bytes]) -> list[bytes]:
        """Each record as a gzip member."""
        return [gzip.compress(record, mtime=0) for record in records]


@pytest.fixture(scope="session")
def warc() -> WarcWriter:
    return WarcWriter()


@pytest.fixture(scope="session")
def embedded() -> dict[str, list[Path]]:
    """The crawl that comes with the repository: snapshot letter -> its files."""
    folder = PROJECT / "data" / "crawl" / "embedded"
    return {letter: sorted((folder / f"snapshot-{letter}").glob("*.warc.gz")) for letter in "AB"}


@pytest.fixture(scope="session")
def shared_data() -> Callable[[str], Path]:
    """A folder of the shared test data; skips where it is absent."""

    def find(name: str) -> Path:
        if not (SHARED / name).is_dir():
            pytest.skip(f"{SHARED / name} is not on this machine")
        return SHARED / name

    return find


@dataclass(frozen=True)
class Places:
    """Makes profiles, each with a folder, a lake and a policy of its own."""

    folder: Path

    def profile(
        self,
        name: str,
        *,
        master: str = "local[2,4]",
        stages: Mapping[str, Any] | None = None,
        policy: Mapping[str, Any] | None = None,
        snapshots: Sequence[str] = ("A", "B"),
    ) -> Profile:
        """A profile as a user writes one; without a policy it has the default one."""
        home = self.folder / name
        (home / "configs").mkdir(parents=True, exist_ok=True)
        files = {
            "policy": policy or yaml.safe_load((PROJECT / "configs/policies/gristmill.yaml").read_text()),
            "mix": {"name": "test", "snapshots": list(snapshots), "validation_share": 0.2},
        }
        for key, content in files.items():
            (home / "configs" / f"{key}.yaml").write_text(yaml.safe_dump(content, allow_unicode=True))
        profile = {
            "work_dir": "work", "lake": "lake", "gates": "configs/gates.yaml", "pretrain": "configs/pretrain.yaml",
            **{key: f"configs/{key}.yaml" for key in files},
            "spark": {"master": master, "driver_memory": "512m"},
            "stages": dict(stages or {}),
        }  # fmt: skip
        path = home / "profile.yaml"
        path.write_text(yaml.safe_dump(profile))
        return load_profile(str(path))

    def mill(self, name: str, crawls: Mapping[str, Sequence[Path]], **profile: Any) -> Mill:
        """A lake whose catalogue has `crawls`, in their order."""
        loaded = self.profile(name, **profile)
        lake = Lake.open(loaded)
        for day, (snapshot, files) in enumerate(sorted(crawls.items()), 1):
            Catalogue(lake).add(snapshot, date(2026, 1, day), list(files))
        return Mill(loaded, lake)


@dataclass(frozen=True)
class Mill:
    """One lake, and its stages run as Airflow runs them: digests handed from task to task."""

    profile: Profile
    lake: Lake
    digests: dict[str, dict[str, str]] = field(default_factory=dict)

    def run(
        self,
        snapshot: str,
        tasks: Tasks = in_process,
        stages: Sequence[Any] = (extract, annotate, deduplicate, decide, curate),
    ) -> dict[str, Attempt]:
        """Run stages of a snapshot; stage name -> attempt."""
        known = self.digests.setdefault(snapshot, {})
        attempts: dict[str, Attempt] = {}
        for stage in stages:
            attempt = stage.run(StageContext(self.lake, self.profile, snapshot, dict(known), tasks))
            known.update(attempt.outputs)
            attempts[stage.NAME] = attempt
        return attempts

    def release(self, snapshot: str) -> Release:
        """Measure a snapshot and release it under an approving verdict."""
        known = self.digests[snapshot]
        table = snapshot_metrics(self.lake, Catalogue(self.lake).get(snapshot), known)
        entry = self.lake.write_table("metrics", "snapshot", table)
        datasets = {**known, "metrics": self.lake.publish("metrics", [entry], {}).digest}
        subject = candidate_digest(judged(datasets))
        verdicts.record(
            self.lake, subject=subject, kind="snapshot", suite="test", history="", outcome="pass", checks=[], digests={}
        )
        return release(self.lake, snapshot, datasets)[0]

    def rows(self, snapshot: str, dataset: str) -> list[dict[str, Any]]:
        """All rows of a dataset of a snapshot."""
        rows: list[dict[str, Any]] = self.lake.read(self.digests[snapshot][dataset]).to_pylist()
        return rows


@pytest.fixture
def places(tmp_path: Path) -> Places:
    return Places(tmp_path)


@pytest.fixture(scope="session")
def mill(tmp_path_factory: pytest.TempPathFactory, tiny_crawl: TinyCrawl) -> Mill:
    """Both snapshots of the tiny crawl through all stages without Spark, and released; to be read, not changed."""
    stages = {"curate": {"shard_bytes": 20_000}, "tokenize": {"vocabulary": 600, "shard_bytes": 20_000}}
    made = Places(tmp_path_factory.mktemp("a mill")).mill("mill", tiny_crawl.files, stages=stages)
    for snapshot in ("A", "B"):
        made.run(snapshot)
        made.release(snapshot)
    return made


@pytest.fixture(scope="session")
def backwards(tmp_path_factory: pytest.TempPathFactory, tiny_crawl: TinyCrawl, mill: Mill) -> Mill:
    """The same with the later snapshot first and all work in reverse; to be read, not changed."""

    def reverse(function: Callable[[Any], Any], items: Sequence[Any]) -> list[Any]:
        return list(map(function, items[::-1]))[::-1]

    made = Places(tmp_path_factory.mktemp("backwards")).mill("mill", tiny_crawl.files, stages=mill.profile.stages)
    for snapshot in ("B", "A"):
        made.run(snapshot, tasks=reverse)
        made.release(snapshot)
    return made


WORDS = """
    the of and to that with have be server request page module file directive value client log address network time
    cache proxy user configuration access method header content type name system process memory thread connection port
    """.split()  # noqa: SIM905 - a text reads better than a list
KOREAN = """
    서버 요청 모듈 설정 파일 지시어 값을 사용자는 접근 방법 기록 주소 시간 연결 내용 이름 과정 기본 응답 문서를
    """.split()  # noqa: SIM905
CHINESE = (
    "服务器可以配置为记录每个请求日志文件应该轮换一次模块用户访问方法地址网络时间连接内容名称系统进程内存默认响应文档"
)


def sentences(draw: random.Random, language: str, count: int) -> str:
    """Text of a language in paragraphs of three sentences; no two draws are alike."""
    made = []
    for _ in range(count):
        if language == "zh":
            made.append("".join(draw.choices(CHINESE, k=24)) + "。")
        elif language == "ko":
            made.append(" ".join(draw.choices(KOREAN, k=10)) + "다.")
        else:
            made.append(" ".join(draw.choices(WORDS, k=14)).capitalize() + ".")
    return "\n\n".join(" ".join(made[i : i + 3]) for i in range(0, count, 3))


@dataclass(frozen=True)
class TinyCrawl:
    """Two snapshots of one site; `pages` of each holds what was written: (url, kind, text)."""

    files: dict[str, list[Path]]
    pages: dict[str, list[tuple[str, str, str]]]


@pytest.fixture(scope="session")
def tiny_crawl(tmp_path_factory: pytest.TempPathFactory, warc: WarcWriter) -> TinyCrawl:
    """Copies in other files, small changes within and between snapshots, three languages, pages that must go."""
    draw = random.Random(7)
    base = [(f"http://site.example/{i}", draw.choice(["en", "en", "ko", "zh"])) for i in range(40)]
    texts = {url: sentences(draw, language, 24) for url, language in base}
    folder = tmp_path_factory.mktemp("tiny crawl")
    files: dict[str, list[Path]] = {}
    pages: dict[str, list[tuple[str, str, str]]] = {}
    for snapshot in ("A", "B"):
        written = [(url, "page", texts[url]) for url, _ in base]
        if snapshot == "B":
            # The second crawl meets every other page slightly changed, and ten new ones.
            written = [(u, k, f"{t} {sentences(draw, 'en', 1)}" if i % 2 else t) for i, (u, k, t) in enumerate(written)]
            written += [(f"http://site.example/new/{i}", "page", sentences(draw, "en", 24)) for i in range(10)]
        written += [(f"{url}?copy", "copy", texts[url]) for url, _ in base[:8]]
        written += [(f"{url}?near", "near", f"{texts[url]}\n\n{sentences(draw, 'en', 1)}") for url, _ in base[4:14]]
        written += [(f"http://site.example/short/{i}", "short", f"Too short, page {i}.") for i in range(4)]
        written += [(f"http://site.example/gone/{i}", "gone", "Not here.") for i in range(3)]
        draw.shuffle(written)
        pages[snapshot] = written
        files[snapshot] = []
        for number in range(6):
            records = [warc.record(b"", kind="warcinfo", url=None)]
            for url, kind, text in written[number::6]:
                status = "404 Not Found" if kind == "gone" else "200 OK"
                records.append(warc.response(warc.page(text), status=status, url=url))
            path = folder / f"{snapshot}-{number}.warc.gz"
            path.write_bytes(b"".join(warc.members(records)))
            files[snapshot].append(path)
    return TinyCrawl(files, pages)
