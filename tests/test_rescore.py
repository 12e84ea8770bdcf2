"""Scoring an archive again: same bytes from every engine, resumed, failures listed."""

import json
import os
import sys

import pytest

from dexkit.errors import InputError
from dexkit.recording import write
from dexkit.score import rescore as module
from dexkit.score.rescore import here, pool, rescore, score_batch
from dexkit.sim import make_scene


@pytest.fixture(scope="session")
def recordings():
    return [make_scene("button_board", severity="healthy", seed=seed).recording() for seed in range(3)]


@pytest.fixture
def archive(tmp_path, recordings):
    folder = tmp_path / "archive"
    (folder / "deeper").mkdir(parents=True)
    for number, recording in enumerate(recordings):
        write(folder / ("deeper" if number == 2 else ".") / f"{number}.mcap", recording)
    return folder


def test_every_engine_writes_the_same_bytes(archive, tmp_path):
    outs = {name: tmp_path / f"{name}.jsonl" for name in ("here", "pool")}
    rescore(archive, outs["here"], here)
    with pool(2) as (engine, workers):
        rescore(archive, outs["pool"], engine, workers)
    assert outs["here"].read_bytes() == outs["pool"].read_bytes()
    rows = [json.loads(line) for line in outs["here"].read_text().splitlines()]
    assert [row["file"] for row in rows] == ["0.mcap", "1.mcap", "deeper/2.mcap"]


def test_a_dask_cluster_writes_the_same_bytes(archive, tmp_path):
    distributed = pytest.importorskip("distributed")
    rescore(archive, tmp_path / "here.jsonl", here)
    with (
        distributed.LocalCluster(
            n_workers=1, threads_per_worker=1, processes=False, dashboard_address=":0"
        ) as cluster,
        module.dask(cluster.scheduler_address) as (engine, workers),
    ):
        rescore(archive, tmp_path / "dask.jsonl", engine, workers)
    assert (tmp_path / "here.jsonl").read_bytes() == (tmp_path / "dask.jsonl").read_bytes()


def test_no_cluster_is_one_sentence():
    pytest.importorskip("distributed")
    with pytest.raises(InputError, match="No Dask cluster answers"), module.dask("tcp://127.0.0.1:1"):
        pass


def counting(scored):
    def engine(batches):
        for batch in batches:
            scored.extend(batch[1])
            yield score_batch(batch)

    return engine


def test_what_is_done_is_kept_and_what_changed_is_scored_again(archive, tmp_path, recordings):
    out, scored = tmp_path / "out.jsonl", []
    rescore(archive, out, counting(scored))
    whole = out.read_bytes()
    assert len(scored) == 3
    scored.clear()
    done = rescore(archive, out, counting(scored))
    assert (scored, done.kept, out.read_bytes()) == ([], 3, whole)
    (archive / "1.mcap").unlink()
    write(archive / "1.mcap", recordings[0])
    rescore(archive, out, counting(scored))
    assert scored == ["1.mcap"]


def test_other_versions_are_scored_again(archive, tmp_path, monkeypatch):
    out, scored = tmp_path / "out.jsonl", []
    rescore(archive, out, here)
    monkeypatch.setattr(module, "versions", lambda: "another")
    rescore(archive, out, counting(scored))
    assert len(scored) == 3


def test_an_interrupted_run_goes_on(archive, tmp_path):
    out, scored = tmp_path / "out.jsonl", []
    expected = tmp_path / "expected.jsonl"
    rescore(archive, expected, here)

    def interrupted(batches):
        yield score_batch(batches[0])
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        rescore(archive, out, interrupted, workers=8)
    assert not out.exists()
    part = tmp_path / "out.jsonl.part"
    for cut in (b'{"fi', b'{"file": "1.mcap", "cr'):  # in the middle of a line
        part.write_bytes(part.read_bytes() + cut)
        with pytest.raises(KeyboardInterrupt):
            rescore(archive, out, interrupted, workers=8)
    rescore(archive, out, counting(scored), workers=8)
    assert scored == []
    assert out.read_bytes() == expected.read_bytes()
    assert not part.exists()


def test_a_failure_is_listed_and_the_rest_is_finished(archive, tmp_path):
    (archive / "broken.mcap").write_bytes(b"nothing of ours")
    with pool(2) as (engine, workers):
        done = rescore(archive, tmp_path / "out.jsonl", engine, workers)
    assert done.scored == 4
    ((name, reason),) = done.failures
    assert name == "broken.mcap"
    assert reason


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="this system has no pipes with names")
def test_a_link_to_nothing_and_a_pipe_are_listed(archive, tmp_path):
    (archive / "dangling.mcap").symlink_to(tmp_path / "nowhere.mcap")
    os.mkfifo(archive / "pipe.mcap")
    (archive / "folder.mcap").mkdir()
    for kept in (0, 3):
        done = rescore(archive, tmp_path / "out.jsonl", here)
        assert [name for name, _ in done.failures] == ["dangling.mcap", "folder.mcap", "pipe.mcap"]
        assert all("is no file" in reason and "\n" not in reason for _, reason in done.failures)
        assert done.kept == kept


def test_a_file_that_was_scored_and_is_none_any_more_is_listed(archive, tmp_path):
    out = tmp_path / "out.jsonl"
    rescore(archive, out, here)
    (archive / "1.mcap").unlink()
    (archive / "1.mcap").mkdir()
    done = rescore(archive, out, here)
    assert (done.kept, [name for name, _ in done.failures]) == (2, ["1.mcap"])


@pytest.mark.skipif(sys.platform != "linux", reason="other systems refuse such names")
def test_a_name_that_is_no_utf8_is_scored_and_kept(archive, tmp_path):
    name = os.fsdecode(b"caf\xe9.mcap")
    (archive / "1.mcap").rename(archive / name)
    (archive / os.fsdecode(b"bad\xe9.mcap")).write_bytes(b"nothing of ours")
    out = tmp_path / "out.jsonl"
    with pool(2) as (engine, workers):
        rescore(archive, out, engine, workers)
    rows = [json.loads(line) for line in out.read_text(encoding="utf-8").splitlines()]
    assert name in {row["file"] for row in rows if "error" not in row}
    assert rescore(archive, out, here).kept == 3


def test_a_damaged_file_says_so_and_is_counted(archive, tmp_path):
    out, cut = tmp_path / "out.jsonl", archive / "1.mcap"
    cut.write_bytes(cut.read_bytes()[: cut.stat().st_size // 2])
    for kept in (0, 3):
        done = rescore(archive, out, here)
        assert (done.recovered, done.kept, done.failures) == (1, kept, ())
        rows = [json.loads(line) for line in out.read_text().splitlines()]
        assert {row["file"]: row["recovered"] for row in rows} == {
            "0.mcap": False,
            "1.mcap": True,
            "deeper/2.mcap": False,
        }


def test_a_fault_of_ours_in_one_file_is_listed_too(archive, tmp_path, monkeypatch):
    real = module.score

    def faulty(recording):
        if recording.meta.get("seed") == "1":
            raise ZeroDivisionError("of ours")
        return real(recording)

    monkeypatch.setattr(module, "score", faulty)
    done = rescore(archive, tmp_path / "out.jsonl", here)
    assert [name for name, _ in done.failures] == ["1.mcap"]
    assert "report" in done.failures[0][1]


def test_a_score_that_is_no_json_is_listed_too(archive, tmp_path, monkeypatch):
    real = module.as_dict
    monkeypatch.setattr(
        module,
        "as_dict",
        lambda result: real(result) | ({"odd": float("nan")} if result.recording.meta["seed"] == "1" else {}),
    )
    done = rescore(archive, tmp_path / "out.jsonl", here)
    assert [name for name, _ in done.failures] == ["1.mcap"]


def test_no_folder_and_no_recording(tmp_path):
    with pytest.raises(InputError, match="no folder"):
        rescore(tmp_path / "nowhere", tmp_path / "out.jsonl", here)
    with pytest.raises(InputError, match="holds no recording"):
        rescore(tmp_path, tmp_path / "out.jsonl", here)


FOREIGN = [
    b"Dear therapist,\nthis is no score.\n",
    b"caf\xe9\n",
    b'{"file": "a.csv", "rows": 12}\n',
    b"[1, 2]\n",
    b'{"file": ["1.mcap"], "versions": "x"}\n',
]


@pytest.mark.parametrize("content", FOREIGN)
@pytest.mark.parametrize("name", ["out.jsonl", "out.jsonl.part"])
def test_a_file_that_holds_no_scores_is_not_replaced(archive, tmp_path, name, content):
    foreign = tmp_path / name
    foreign.write_bytes(content)
    with pytest.raises(InputError, match="holds other things than scores") as refused:
        rescore(archive, tmp_path / "out.jsonl", here)
    assert str(foreign) in str(refused.value)
    assert "\n" not in str(refused.value)
    assert [path.name for path in tmp_path.iterdir() if path.is_file()] == [name]
    assert foreign.read_bytes() == content


@pytest.mark.parametrize("place", [".", "nowhere/out.jsonl"])
def test_a_place_that_cannot_be_written_is_one_sentence(archive, tmp_path, place):
    folder = tmp_path / "place"
    folder.mkdir()
    with pytest.raises(InputError, match=r"is a folder|Cannot write"):
        rescore(archive, folder / place, here)
    assert list(folder.iterdir()) == []
