"""The computer's side: a healthy one has no finding, nothing is changed unasked, a fix mends its finding."""

import os
from dataclasses import replace
from pathlib import Path

import pytest
from typer.testing import CliRunner

from dexkit.bench.doctor import examine
from dexkit.bench.lights import AMBER, GREEN, RED
from dexkit.bench.machine import Machine, login
from dexkit.cli_bench import app
from dexkit.errors import InputError
from dexkit.link.ports import Plug
from tests.bench_computer import PORT, Computer


def files(folder):
    return {str(path): path.lstat().st_mtime_ns for path in folder.rglob("*")}


def bad(computer, ports=None, **otherwise):
    findings = examine(replace(computer.machine(), **otherwise), ports)
    return [finding for finding in findings if finding.light.colour in (RED, AMBER)]


def test_a_healthy_computer_has_no_finding(tmp_path):
    findings = examine(Computer(tmp_path).machine())
    assert {finding.light.colour for finding in findings} == {GREEN}
    assert not any(finding.commands or finding.fix for finding in findings)


def test_nothing_is_changed_by_looking(tmp_path):
    computer = Computer(tmp_path, may_write=False, rule=False, manager=True, driver="1.0", now_s=0.0)
    before = files(tmp_path)
    assert len(bad(computer)) >= 5
    assert files(tmp_path) == before
    assert computer.done == []


@pytest.mark.parametrize("is_admin", [False, True])
def test_a_fix_runs_the_very_commands_that_are_shown(tmp_path, is_admin):
    computer = Computer(tmp_path, rule=False, is_admin=is_admin)
    (finding,) = bad(computer)
    finding.fix()
    assert [" ".join(command) for command in computer.done] == list(finding.commands)
    assert all(command[0] == "sudo" for command in computer.done) != is_admin
    copy = [word for word in computer.done[0] if word != "sudo"]
    assert copy[0] == "cp"
    computer.write("etc/udev/rules.d/70-dexkit.rules", Path(copy[1]).read_text())
    assert bad(computer) == []


def test_the_group_of_the_port_is_named_and_who_joined_it_has_to_log_in_anew(tmp_path):
    computer = Computer(tmp_path, may_read=False, may_write=False)
    (finding,) = bad(computer)
    assert finding.commands == ("sudo usermod -a -G dialout ada",)
    computer.write("etc/group", "root:x:0:\ndialout:x:20:bob,ada\n")
    (finding,) = bad(computer)
    assert "log out and in again" in finding.light.remedy
    assert finding.fix is None


def test_nobody_is_made_to_join_the_group_root(tmp_path):
    computer = Computer(tmp_path, may_read=False, may_write=False)
    for groups in ({"ada"}, {"ada", "root"}):
        (finding,) = bad(computer, group_of=lambda path: "root", groups=frozenset(groups))
        assert "udev rule" in finding.light.remedy
        assert not finding.commands
        assert finding.fix is None


def test_a_port_that_is_not_there_and_no_port_at_all_are_said(tmp_path):
    (finding,) = bad(Computer(tmp_path), ports=[Plug("/dev/ttyACM7")])
    assert finding.light.of == "/dev/ttyACM7"
    assert "Plug the board in" in finding.light.remedy
    none = examine(Computer(tmp_path / "b").machine(), ports=[])
    assert any("no board" in finding.light.measured for finding in none)


def test_a_port_is_not_held_by_who_has_another_one_open(tmp_path):
    computer = Computer(tmp_path, holder="minicom")
    (tmp_path / "proc/400/fd/3").unlink()
    (tmp_path / "proc/400/fd/3").symlink_to(PORT + "0")
    assert bad(computer) == []


def test_who_holds_a_port_is_seen_by_whatever_link_it_is_named(tmp_path):
    computer = Computer(tmp_path, holder="minicom")
    link = tmp_path / "dev/serial/by-id/usb-MicroPython_Board"
    link.parent.mkdir(parents=True)
    link.symlink_to("../../ttyACM0")
    url = f"/{link.relative_to(tmp_path)}"
    (finding,) = bad(computer, ports=[Plug(url)])
    assert (finding.light.check, finding.light.of) == ("port holder", url)
    assert finding.light.measured == "minicom (process 400) holds it"


def test_names_that_are_cut_and_lines_of_another_kind_end_nothing(tmp_path):
    computer = Computer(tmp_path, holder="kalibriermess-", may_read=False, may_write=False)
    (tmp_path / "proc/400/comm").write_bytes("kalibriermess-ä\n".encode()[:-2] + b"\n")  # 15 bytes are kept
    (tmp_path / "etc/group").write_bytes("\n+\n+:::\nbüro:x:7:\ndialout:x:20:ada\n".encode("latin-1"))
    permission, holder = bad(computer)
    assert "log out and in again" in permission.light.remedy
    assert "kalibriermess-" in holder.light.measured


def test_what_lies_above_the_folder_is_never_taken_over(tmp_path):
    folder = tmp_path / "theirs" / "config" / "dexkit"
    folder.parent.parent.mkdir()
    (finding,) = bad(Computer(tmp_path), config=folder, may=lambda path, how: path.name != "theirs")
    assert (finding.light.check, finding.light.colour) == ("folder", RED)
    assert f"{tmp_path}/theirs may not be written" in finding.light.measured
    assert f"Make the folder {folder}" in finding.light.remedy
    assert not finding.commands
    assert finding.fix is None


def test_a_file_where_the_folder_would_be_is_no_folder(tmp_path):
    computer = Computer(tmp_path)
    computer.write("config", "a file")
    (finding,) = bad(computer, config=tmp_path / "config" / "dexkit")
    assert (finding.light.check, finding.light.colour) == ("folder", RED)
    assert finding.light.measured == f"{tmp_path}/config is a file"
    assert "XDG_CONFIG_HOME" in finding.light.remedy
    assert finding.fix is None


def test_the_folders_in_the_own_one_that_an_administrator_left_are_given_back(tmp_path):
    computer, own = Computer(tmp_path), tmp_path / "home" / "dexkit"
    (own / "boards").mkdir()
    (finding,) = bad(computer, may=lambda path, how: path.name not in ("boards", "selftests"))
    assert (finding.light.check, finding.light.colour) == ("folder", RED)
    assert finding.light.measured == f"{own}/boards and {own}/selftests may not be written"
    assert finding.commands == (f"sudo chown -R ada {own}/boards {own}/selftests",)
    finding.fix()
    assert [" ".join(command) for command in computer.done] == list(finding.commands)


@pytest.mark.parametrize("error", [KeyError, OSError])
def test_a_user_without_a_name_is_a_number(monkeypatch, error):
    def getuser():
        raise error("uid not found")

    monkeypatch.setattr("getpass.getuser", getuser)
    assert Machine().user == login() == str(os.getuid())


def test_where_there_is_no_such_command_none_is_shown(tmp_path):
    computer = Computer(tmp_path, now_s=0.0, platform="win32")
    (finding,) = bad(computer)
    assert finding.light.check == "clock"
    assert not finding.commands


def test_what_was_found_replaces_no_device_and_no_folder(tmp_path):
    device, folder = tmp_path / "null", tmp_path / "folder"
    device.symlink_to("/dev/null")  # a node of its own is an administrator's to make
    folder.mkdir()
    lost = tmp_path / "nowhere" / "found.json"
    for path, says in ((device, "is a device"), (folder, "Cannot write"), (lost, "Cannot write")):
        done = CliRunner().invoke(app, ["doctor", "/dev/none", "--json", str(path)])
        assert isinstance(done.exception, InputError), done.output
        assert says in str(done.exception)
    assert device.is_symlink()
    assert folder.is_dir()
    assert sorted(tmp_path.iterdir()) == [folder, device]
