"""A session is what the profile says, and is refused in a sentence where it cannot start."""

from __future__ import annotations

from typing import Any

import pytest

from spark_jobs import session
from spark_jobs.java import JavaMissing
from spark_jobs.session import spark_tasks


def test_without_java_the_stage_says_how_to_install_it(places: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    def missing() -> None:
        raise JavaMissing("install Java")

    monkeypatch.setattr(session, "require_java", missing)
    with pytest.raises(JavaMissing, match="install Java"), spark_tasks(places.profile("p"), "test"):
        pass


@pytest.mark.spark
def test_the_profile_decides_about_the_session(places: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    profile = places.profile("a profile")
    settings = {"spark.ui.enabled": "false", "spark.task.maxFailures": "7", "spark.sql.shuffle.partitions": "3"}
    spark = profile.spark.model_copy(update={"master": "local[1,2]", "conf": settings})
    profile = profile.model_copy(update={"spark": spark})
    monkeypatch.setenv("JAVA_HOME", "/nowhere")
    with spark_tasks(profile, "named") as tasks:
        conf = tasks.context.getConf()
        assert (tasks.context.master, tasks.context.appName) == ("local[1,2]", "named")
        assert {key: conf.get(key) for key in settings} == settings
        assert tasks(lambda x: x * x, [3, 1, 2]) == [9, 1, 4], "results stand in the order of their items"
        assert tasks(len, []) == []
    assert list((profile.work_dir / "spark" / "events").iterdir())
