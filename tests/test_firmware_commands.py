"""What a board does when it is asked: lights, tare, settings, rest, quit, and what it keeps."""

import json
import random
import zlib

import numpy as np
import pytest

from dexkit.protocol.tables import SCHEMA_HASH, STREAMS
from dexkit.sim.cup_plan import CUP_KG
from tests.board import Host


def lights(host, count):
    """Return the colours that shine, as (red, green, blue), by place."""
    shown = host.board.desk.lights[16]
    return [(shown[3 * k + 1], shown[3 * k], shown[3 * k + 2]) for k in range(count)]


def test_guide_lights_one_place_and_identify_blinks_them_all():
    with Host("pegboard") as host:
        host.wake()
        dark = [(0, 0, 0)] * 9
        assert lights(host, 9) == dark
        assert host.ask("guide", 4, "green")["value"] == 4
        assert lights(host, 9) == [*dark[:4], (0, 40, 0), *dark[5:]]
        assert host.ask("guide", 0, "ff8000")["value"] == 0
        assert lights(host, 9) == [(40, 20, 0), *dark[1:]]
        host.ask("identify")
        seen = set()
        for _ in range(30):
            host.wait(0.1)
            seen.add(tuple(lights(host, 9)))
        assert seen == {((40, 20, 0), *dark[1:]), ((40, 40, 40),) * 9}
        assert lights(host, 9) == [(40, 20, 0), *dark[1:]]
        assert host.ask("guide", "off")["value"] == "off"
        assert lights(host, 9) == dark


def test_tare_is_the_mean_of_what_was_sent_meanwhile():
    with Host("cup") as host:
        host.wake()
        host.ask("start")
        host.ask("ping", seconds=0.3)
        number = host.send("tare", "inner_n", "foot_n")
        host.wait(1.0)
        reply = next(m for m in host.of("reply") if m.said["number"] == number)
        assert list(reply.said["value"]) == ["inner_n", "foot_n"]
        rows = [
            np.frombuffer(m.payload, "<i4").reshape(-1, 2)
            for m in host.of("samples", "cup/load")
            if reply.tick_us - 800_000 < m.tick_us < reply.tick_us
        ]
        table = np.concatenate(rows)
        scale = STREAMS["cup/load"].scales[0]
        for channel, column in (("foot_n", table[:, 0]), ("inner_n", table[:, 1])):
            assert reply.said["value"][channel] == pytest.approx(column.mean(), abs=0.02 / scale)
        standing_n = reply.said["value"]["foot_n"] * scale
        assert standing_n > 9.81 * CUP_KG
        assert table[:, 0].std() * scale > 0.001  # the mean of many, not one of them


def test_settings_and_calibration_outlive_the_power_and_are_this_boards():
    with Host("cup") as host:
        hello = host.wake()
        assert hello["calibration"] is None  # as it came from the factory
        assert host.ask("set", "rest_s", 3)["value"] == 3
        assert host.ask("set", "brightness", 255)["value"] == 255
        flash = host.board.flash
        line = json.dumps({"uid": hello["uid"], "id": "2026-11-22 bench 3"}).encode()
        (flash / "calibration").write_bytes(line + b"\n%08x\n" % zlib.crc32(line))
        kept = {path.name for path in flash.iterdir()}
        assert kept == {"settings", "calibration"}
        host.board.power_off()
        host.messages.clear()
        host.board.power_on()
        again = host.wake()
        assert again["boot"] != hello["boot"]
        assert host.messages[0].sequence == 0
        assert again["calibration"] == "2026-11-22 bench 3"
        assert json.loads((flash / "settings").read_bytes().splitlines()[0])["rest_s"] == 3
        host.board.power_off()
        host.messages.clear()
        (flash / "settings").write_bytes(b"{}")
        other = json.dumps({"uid": "00", "id": "of another cup"}).encode()
        (flash / "calibration").write_bytes(other + b"\n%08x\n" % zlib.crc32(other))
        host.board.power_on()
        assert host.wake()["calibration"] is None
        host.wait(0.1)
        said = [m.said.decode() for m in host.of("log")]
        assert [("/settings" in words, "damaged" in words) for words in said[:1]] == [(True, True)]
        assert "/calibration" in said[1] and "another board" in said[1]


def test_a_setting_is_not_written_while_samples_are_taken():
    with Host("coaster") as host:
        host.wake()
        host.ask("start")
        reply = host.ask("set", "brightness", 9)
        assert not reply["ok"] and reply["error"].endswith("Send stop first.")
        assert not (host.board.flash / "settings").exists()
        host.ask("stop")
        assert host.ask("set", "brightness", 9)["value"] == 9


def test_a_sensor_that_has_just_begun_is_not_called_quiet():
    with Host("coaster") as host:
        host.wake()
        chance = random.Random(1)
        for _ in range(300):  # the sensors are looked at four times a second
            host.ask("start", seconds=0.01)
            assert host.ask("hello", seconds=0.01)["sensors"] == {"plate": "ok"}
            host.ask("stop", seconds=0.01 + 0.25 * chance.random())


def test_a_full_flash_is_said_and_changes_nothing():
    with Host("coaster") as host:
        host.wake()
        (host.board.flash / "settings.new").mkdir()  # nothing can be written there
        reply = host.ask("set", "brightness", 9)
        assert not reply["ok"] and "flash is full" in reply["error"]
        (host.board.flash / "settings.new").rmdir()
        assert not (host.board.flash / "settings").exists()


def test_quit_ends_at_the_prompt_and_ctrl_c_too():
    for end in ("quit", "ctrl-c"):
        with Host("coaster") as host:
            host.wake()
            host.ask("start")
            host.ask("ping")
            if end == "quit":
                assert host.ask("quit")["ok"]
            else:
                host.board.send(b"\r\x03\x03")
            host.wait(0.5)
            said = len(host.messages)
            host.wait(1.0)
            assert len(host.messages) == said
            host.board.send(b"\r\x02")
            assert b">>> " in host.board.run(1.0)


def test_a_board_without_an_object_says_so():
    program = "from app.main import run\nrun()\n"
    with Host("coaster", program=program) as host:
        assert b"nobody said in /object" in host.board.run(1.0)
    host = Host("coaster", program=program)
    (host.board.flash / "object").write_text("coaster\n")
    with host:
        assert host.wake()["object"] == "coaster"


def test_stop_ends_sampling_and_start_goes_on():
    with Host("button_board") as host:
        host.wake()
        assert list(host.ask("start", "button_board/panel")["value"]) == ["button_board/panel"]
        host.ask("ping", seconds=0.5)
        assert not host.of("samples", "button_board/touch")
        assert host.ask("stop")["ok"]
        host.ask("ping", seconds=0.3)
        count = len(host.of("samples", "button_board/panel"))
        host.ask("ping", seconds=0.3)
        assert len({m.sequence for m in host.of("samples", "button_board/panel")}) == count
        host.ask("start")
        host.ask("ping", seconds=0.5)
        for stream in ("contacts", "touch", "panel"):
            blocks = {m.sequence: m for m in host.of("samples", f"button_board/{stream}")}
            assert sorted(blocks) == list(range(len(blocks)))
            assert len(blocks) > 5 and blocks[len(blocks) - 1].lost == 0


def test_a_self_test_and_a_hello_with_the_schema_confirm_a_new_application():
    program = """
import sys
class Slots:
    fed = confirmed = 0
    def feed(self): self.fed += 1
    def confirm(self): self.confirmed += 1; print("confirmed")
    def on_trial(self): return not self.confirmed
sys.modules["slots"] = Slots()
from app.main import run
run("coaster")
"""
    with Host("coaster", program=program) as host:
        heard = bytearray()
        push = host._decoder.push
        host._decoder.push = lambda data: (heard.extend(data), push(data))[1]
        host.wake()
        host.ask("hello")
        host.ask("hello", "0" * 64)
        assert host.ask("selftest", seconds=2.0)["value"]["plate"]["words"] == "ok"
        assert b"confirmed" not in heard
        host.ask("hello", SCHEMA_HASH)
        host.ask("hello", SCHEMA_HASH)
        assert heard.count(b"confirmed") == 1


# ---- Rest ------------------------------------------------------------------------------------------------


def test_a_cup_at_rest_stops_sending_and_its_next_lift_is_whole():
    with Host("cup") as host:
        host.board.begin(1000.0)  # nobody touches it for a while
        host.wake()
        host.ask("set", "rest_s", 2)
        host.ask("start")
        host.board.begin(1000.0)
        for _ in range(8):
            host.ask("ping", seconds=0.5)
        assert host.ask("hello")["state"] == "resting"
        assert any(b"At rest" in m.said for m in host.of("log"))
        before = {stream: host.of("samples", stream)[-1] for stream in ("cup/load", "cup/motion")}
        for _ in range(6):
            host.ask("ping", seconds=0.5)
        for stream, last in before.items():
            assert host.of("samples", stream)[-1] is last  # nothing was sent
        host.board.begin(0.0)
        scene = host.board.scene
        lift_s = min(mark["t_s"] for mark in scene.truth["cup"] if mark["kind"] == "lift")
        begun_us = host.board.desk.now_us
        awake_us = None
        while awake_us is None and host.board.desk.now_us < begun_us + (lift_s + 2) * 1e6:
            host.ask("ping", seconds=0.02)
            if host.of("samples", "cup/load")[-1] is not before["cup/load"]:
                awake_us = host.board.desk.now_us
        assert (awake_us - begun_us) / 1e6 < lift_s + 0.2
        for _ in range(4):
            host.ask("ping", seconds=0.5)
        after = [m for m in host.of("samples", "cup/load") if m.sequence > before["cup/load"].sequence]
        sequences = sorted({m.sequence for m in after})
        assert sequences == list(
            range(sequences[0], sequences[-1] + 1)
        )  # none is missing from the first one on
        first_s = (min(m.tick_us for m in after) - begun_us % 2**32) / 1e6
        assert first_s < lift_s - 0.5  # it begins well before the lift
        assert {m.lost for m in after} == {0}
        host.send("ack", "cup/load", before["cup/load"].sequence + 1)
        host.wait(0.1)
        assert host.of("gone")[-1].said["oldest"] == sequences[0]
        assert host.ask("hello")["state"] == "streaming"
