"""Foreign tables: real files import, oddities stay facts, bad input is one line and leaves nothing behind."""

import os
import sys

import numpy as np
import pytest

from dexkit.cli import main
from dexkit.errors import InputError
from dexkit.recording import Losses, read
from dexkit.recording.foreign import import_csv, read_csv
from dexkit.recording.table import gaps
from tests.damage import same_streams


@pytest.fixture
def csv_file(tmp_path):
    """Return a function that writes a CSV and returns its path."""

    def make(text, name="foreign.csv"):
        path = tmp_path / name
        path.write_bytes(text.encode() if isinstance(text, str) else text)
        return path

    return make


def run(monkeypatch, *words):
    """Run the command line as a person would; return its exit code."""
    monkeypatch.setattr(sys, "argv", ["dexkit", *map(str, words)])
    with pytest.raises(SystemExit) as ended:
        main()
    return ended.value.code or 0


def test_a_pour_with_its_gap_its_spikes_and_its_negative_values(shared_data, tmp_path):
    source = shared_data / "pour-over-scale" / "beanconqueror_beverage_weight.csv"
    import_csv("weight", source, "t_s,weight_g", tmp_path / "pour.mcap")
    recording = read(tmp_path / "pour.mcap")
    rows = [line.split(",") for line in source.read_text().split()[1:]]
    weight = recording.streams["weight"]
    assert recording.losses == Losses()
    assert weight.rate_hz is None
    assert np.array_equal(weight.t_s, [float(row[0]) for row in rows])
    expected = np.float32([float(row[2]) if row[2] else np.nan for row in rows])
    assert np.array_equal(weight.values[:, 0], expected, equal_nan=True)
    lengths = np.diff(gaps(weight))
    assert lengths.max() == pytest.approx(8.8, abs=0.05)
    assert (weight.values.min(), weight.values.max()) == (-53, pytest.approx(161.8))
    assert weight.values[-1, 0] == pytest.approx(151.1, abs=0.05)


@pytest.mark.parametrize(
    ("kind", "pattern", "columns", "rate_hz", "count"),
    [
        ("weight", "pour-over-scale/*.csv", "t_s,weight_g", None, 5),
        ("force", "grip-force-hx711/*.csv", "Time,Grip_Force,Grip_Force_Error", None, 117),
        ("events", "cloudupdrs-phone/top/finger*.csv", "t_ms,td_ms,action,x_px,y_px", None, 2),
        ("events", "cloudupdrs-phone/2458/FT*.csv", "t_ms,td_ms,action,x_px,y_px", None, 3),
        ("motion", "cloudupdrs-phone/2458/T_*.csv", "t_ns,ax_ms2,ay_ms2,az_ms2", None, 8),
        ("motion", "cloudupdrs-phone/top/[kp]*.csv", "t_ns,ax_ms2,ay_ms2,az_ms2", None, 3),
        ("motion", "ue-adl-drink-reach/*.csv", "speed_mm=Finger Velocity", 100.0, 64),
    ],
)
def test_every_real_file_imports(shared_data, tmp_path, kind, pattern, columns, rate_hz, count):
    files = sorted(shared_data.glob(pattern))
    assert len(files) == count
    for path in files:
        out = tmp_path / f"{path.stem}.mcap"
        written = import_csv(kind, path, columns, out, rate_hz=rate_hz)
        again = read(out)
        assert same_streams(written, again)
        assert again.object_kind == kind
        lines = [line for line in path.read_text().splitlines() if "," in line]
        header = any(cell.strip()[:1].isalpha() for cell in lines[0].split(","))
        assert len(again.streams[kind].t_s) == len(lines) - header
        assert np.array_equal(again.streams[kind].rate_hz, rate_hz) or rate_hz is None


@pytest.mark.parametrize(
    ("text", "columns", "t_s", "values"),
    [
        ("t_s,weight_g\n0,1\n0.1,2\n", "t_s,weight_g", [0, 0.1], [1, 2]),
        ("\ufefft_s;weight_g\r\n0;1,5\r\n0,1;-2,5\r\n", "t_s,weight_g", [0, 0.1], [1.5, -2.5]),
        ("0\t1\n100\t2\n", "t_ms,weight_g", [0, 0.1], [1, 2]),
        ("0,0;12,5\n0,1;-2,5\n", "t_s,weight_g", [0, 0.1], [12.5, -2.5]),
        ("0,0\t12,5\t7,5\n0,1\t,5\t7,5\n", "t_s,weight_g", [0, 0.1], [12.5, 0.5]),
        ('t_s,weight_g,"of; this"\n0,1,2\n1,2,3\n', "t_s,weight_g", [0, 1], [1, 2]),
        ("0.5,\t1.5\n1,\t2\n", "t_s,weight_g", [0.5, 1], [1.5, 2]),
        ("0,1,\n1,2,\n", "t_s,weight_g", [0, 1], [1, 2]),
        ("weight,clock\n1,5000000\n2,5100000\n", "t_us=clock,weight_g=weight", [5, 5.1], [1, 2]),
        ("1,x,0\n2,y,1\n", "t_s=3,weight_g=1", [0, 1], [1, 2]),
        ("Time (s),Weight G\n0,1\n\n0.1,\n,,\n", "Time (s),weight_g", [0, 0.1], [1, None]),
        ("Time (s),Weight G\n0,1\n\n0.1,\n0.1,NaN\n", "Time (s),weight_g", [0, 0.1, 0.1], [1, None, None]),
        ("1700000000000000001,1\n1700000000000000101,2\n", "t_ns,weight_g", [0, 1e-7], [1, 2]),
        ("-2,1\n-1.5,2\n", "t_s,weight_g", [0, 0.5], [1, 2]),
        ("0,1\n1,2\nTotal: 2 rows\n", "t_s,weight_g", [0, 1], [1, 2]),
    ],
)
def test_tables_of_many_habits(csv_file, text, columns, t_s, values):
    path = csv_file(text)
    stream = read_csv("weight", path, columns).streams["weight"]
    assert stream.t_s.tolist() == t_s
    expected = [[np.nan if value is None else value] for value in values]
    assert np.array_equal(stream.values, np.float32(expected), equal_nan=True)


def test_a_decimal_comma_is_not_taken_for_a_separator(csv_file):
    path = csv_file("12,5\n12,7\n12,9\n")
    with pytest.raises(InputError, match=r"2 columns and no header.*decimal commas.*weight_g=1"):
        read_csv("weight", path, "weight_g", rate_hz=10.0)
    stated = read_csv("weight", path, "weight_g=2", rate_hz=10.0)
    assert stated.streams["weight"].values[:, 0].tolist() == [5, 7, 9]


@pytest.mark.parametrize(
    ("text", "values"),
    [
        ("weight_g,b\n1,2\n,\n,\n2,3\n", [1, None, None, 2]),
        ("weight_g;b\n1;2\n;;;\n2;3\n;\n", [1, None, 2, None]),
        (",,\nweight_g,b\n1,2\n\n2,3\n\n", [1, 2]),
        ("weight_g\n1\n\n \n2\n\n\n", [1, None, None, 2]),
        ("weight_g\r\n1\r\n\r\n2\r\n\r\n", [1, None, 2]),
        ("weight_g\r\r\n1\r\r\n2\r\r\n", [1, 2]),
        ('weight_g\n""\n2\n""\n', [None, 2, None]),
        ("\n1\n\n2\n", [1, None, 2]),
        (",\n1,\n2,\n", [None, 1, 2]),
        ("NA\n1\n2\n", [None, 1, 2]),
    ],
)
def test_a_row_that_was_not_measured_keeps_its_time(csv_file, text, values):
    stream = read_csv("weight", csv_file(text), "weight_g", rate_hz=1.0).streams["weight"]
    assert stream.t_s.tolist() == list(range(len(values)))
    expected = [np.nan if value is None else value for value in values]
    assert np.array_equal(stream.values[:, 0], np.float32(expected), equal_nan=True)


@pytest.mark.parametrize(
    "cell",
    [
        "-nan",
        "+nan",
        "NaN",
        "nan(0x8)",
        "-nan(ind)",
        "nan123",
        "sNaN",
        "1.#QNAN",
        "-1.#IND00",
        "#N/A",
        "null",
    ],
)
def test_what_programs_write_for_no_number_is_not_measured(csv_file, cell):
    for text in (f"t_s,weight_g\n0,1\n1,{cell}\n2,3\n", f"0,{cell}\n1,\n2,3\n", f"0;{cell}\n1;2,5\n2;3\n"):
        values = read_csv("weight", csv_file(text), "t_s,weight_g").streams["weight"].values[:, 0]
        assert values[2] == 3
        assert np.isnan(values).any()
    alone = read_csv("weight", csv_file(f"{cell}\n2\n"), "weight_g=1", rate_hz=1.0).streams["weight"]
    assert np.array_equal(alone.values[:, 0], [np.nan, 2], equal_nan=True)


def test_digits_of_every_script_are_numbers(csv_file):
    stream = read_csv("weight", csv_file("t_s,weight_g\n\uff10,\uff11\uff12\n"), "t_s,weight_g").streams[
        "weight"
    ]
    assert (stream.t_s.tolist(), stream.values.tolist()) == ([0], [[12]])


def test_a_header_in_any_alphabet_is_found(csv_file, tmp_path):
    text = "Zeit (s);GRÖSSE [µg];重量\n0;1,5;2\n"
    for data in (text.encode(), text.replace("重量", "x").encode("latin-1")):
        stream = read_csv("weight", csv_file(data), "t_s=Zeit (s),weight_g=Größe µg").streams["weight"]
        assert stream.values.tolist() == [[1.5]]
    assert read_csv("weight", csv_file(text), "t_s=1,weight_g=重量").streams["weight"].values.tolist() == [
        [2]
    ]


@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere every name is text")
def test_a_file_whose_name_is_no_text_imports(csv_file, tmp_path):
    path = csv_file("0,1\n", os.fsdecode(b"\xff.csv"))
    import_csv("weight", path, "t_s,weight_g", tmp_path / "out.mcap")
    assert read(tmp_path / "out.mcap").meta["source"] == "?.csv"


def test_a_foreign_clock_starts_at_zero_and_its_start_is_kept(csv_file):
    recording = read_csv("weight", csv_file("380180977,1\n380181058,2\n"), "t_ms,weight_g")
    assert recording.streams["weight"].t_s.tolist() == [0.0, 0.081]
    assert recording.meta["time_zero"] == "380180977 ms"


def test_a_time_without_a_unit_is_taken_as_seconds_and_that_is_said(csv_file):
    for columns in ("Time,weight_g", "t_s,weight_g", "t_s=Time,weight_g"):
        recording = read_csv("weight", csv_file("Time,Weight (g)\n0.5,1\n0.75,2\n"), columns)
        assert recording.streams["weight"].t_s.tolist() == [0.5, 0.75]
        assert recording.meta["time"] == "column 'Time' taken as seconds"
    with pytest.raises(InputError, match="no column 't_ms'"):
        read_csv("weight", csv_file("Time,weight_g\n0,1\n"), "t_ms,weight_g")


def test_a_regular_table_has_a_rate(csv_file):
    text = "".join(f"{i / 50},{i}\n" for i in range(100))
    assert read_csv("weight", csv_file(text), "t_s,weight_g").streams["weight"].rate_hz == pytest.approx(50.0)


@pytest.mark.parametrize(
    ("text", "columns", "words"),
    [
        ("", "t_s,weight_g", "is empty"),
        ("t_s,weight_g\n", "t_s,weight_g", "no rows"),
        ("\ufeff\n", "t_s,weight_g", "is empty"),
        (",\n,\n", "t_s,weight_g", "is empty"),
        (b"\x89MCAP0\r\n\x00\x00", "t_s,weight_g", "zero bytes"),
        (bytes(range(1, 256)), "t_s,weight_g", "foreign.csv"),
        ("t_s,weight_g\n0,1\n", "t_s,weight_g=mass", "no column 'mass'.*t_s, weight_g"),
        ("0,1\n1,2\n", "t_s,weight_g=7", "no column '7'"),
        ("0,1\n1,2\n", f"t_s,weight_g={'7' * 5000}", "no column '7"),
        ("t_s,温度\n0,1\n", "t_s,weight_g=重量", "no column '重量'"),
        ("t_s,%\n0,1\n", "t_s,weight_g=#", "no column '#'"),
        (",t_s,w\n5,0,1\n", "t_s,weight_g=#", "no column '#'"),
        ("t_s,Grüße\n0,1\n".encode("latin-1"), "t_s,weight_g=Größe", "no column 'Größe'"),
        ("t_s,温度,重量\n0,1,2\n", "t_s,weight_g=温度,重量", "'重量' in --columns names no column"),
        ("t_s,weight_g\n0,1\n1,heavy\n", "t_s,weight_g", "line 3: 'heavy' is no number"),
        ("t_s,weight_g\n0,1\n1,inf\n", "t_s,weight_g", "line 3: 'inf' is no number"),
        ("t_s,weight_g\n0,1\n1,1e99\n", "t_s,weight_g", "line 3"),
        ("t_s,weight_g\n0,1\n1,-1e9999999\n", "t_s,weight_g", "line 3: '-1e9999999' is no number"),
        ("t_s,weight_g\n0,1\n1,-inf\n", "t_s,weight_g", "line 3: '-inf' is no number"),
        ("t_s,weight_g\n0,1\n1,1.#INF\n", "t_s,weight_g", "line 3: '1.#INF' is no number"),
        ("t_s,weight_g\n0,1\n-nan(ind),2\n", "t_s,weight_g", "line 3: '-nan.ind.' is no time"),
        ("t_s,weight_g\n0,1\n1e9999999,2\n", "t_s,weight_g", "line 3: '1e9999999' is no time"),
        ("t_s,weight_g\n1e9999999,2\n", "t_s,weight_g", "line 2: '1e9999999' is no time"),
        ("t_s,weight_g\n0,1\n,2\n", "t_s,weight_g", "line 3: '' is no time"),
        ("t_s,weight_g\n1,1\n0,2\n", "t_s,weight_g", "line 3: the time goes back"),
        ("t_s,weight_g\n0,1\n0.1,2\n0.2", "t_s,weight_g", "line 4: 1 cells where 2"),
        ("t_s,weight_g\n0,1,5\n", "t_s,weight_g", "line 2: 3 cells where 2"),
        ("t_s,weight_g\n0,1\n", "weight_g", "needs one time"),
        ("t_s,weight_g\n0,1\n", "t_s", "needs the column weight_g"),
        ("t_s,weight_g\n0,1\n", "t_s,weight_g,weight_g", "twice"),
        ("t_s,weight_g\n0,1\n", "t_s,,weight_g", "names no column"),
        ("t_s,weight_g,weight_g\n0,1,2\n", "t_s,weight_g", "2 columns"),
        ('t_s,weight_g\n0,"1\n', "t_s,weight_g", "no CSV text"),
        ("0,12,5\n1,12,7\n", "t_s,weight_g", "3 columns and no header.*points.*weight_g=2"),
        ("0;1.5\n1;1,000\n", "t_s,weight_g", "line 2: '1,000' has a comma and '1.5' a point"),
        ("0,5;1\n1;1.000\n", "t_s,weight_g", "line 2: '0,5' has a comma and '1.000' a point"),
        ("0;1.000,5\n1;2\n", "t_s,weight_g", "line 1: '1.000,5' is no number"),
    ],
)
def test_bad_input_is_one_line_exit_code_2_and_no_file(monkeypatch, capsys, csv_file, text, columns, words):
    path = csv_file(text)
    out = path.with_name("out.mcap")
    with pytest.raises(InputError, match=words):
        read_csv("weight", path, columns)
    assert run(monkeypatch, "import", "weight", path, "--columns", columns, "--out", out) == 2
    said = capsys.readouterr().err
    assert said.startswith("dexkit: ")
    assert said.count("\n") == 1
    assert list(path.parent.iterdir()) == [path]


def test_bad_places_are_one_line_and_exit_code_2(monkeypatch, capsys, csv_file, tmp_path):
    good = csv_file("t_s,weight_g\n0,1\n")
    occupied = csv_file("precious", "occupied.mcap")
    for source, out in (
        (tmp_path, tmp_path / "x.mcap"),
        (tmp_path / "nothing.csv", tmp_path / "x.mcap"),
        (good, tmp_path / "no" / "folder" / "x.mcap"),
        (good, good / "x.mcap"),
        (good, occupied),
        (good, tmp_path),
    ):
        code = run(monkeypatch, "import", "weight", source, "--columns", "t_s,weight_g", "--out", out)
        said = capsys.readouterr().err
        assert (code, said.count("\n")) == (2, 1), said
    words = ("import", "weight", good, "--columns", "t_s,weight_g", "--out", good, "--force")
    assert run(monkeypatch, *words) == 2
    assert good.read_text() == "t_s,weight_g\n0,1\n", "the table itself was replaced"
    assert run(monkeypatch, "import", "soup", good, "--columns", "t_s,weight_g") == 2
    assert occupied.read_text() == "precious"
    assert sorted(tmp_path.iterdir()) == [good, occupied]


@pytest.mark.skipif(os.geteuid() == 0, reason="nothing is forbidden to root")
def test_what_may_not_be_read_or_written_is_said(monkeypatch, capsys, csv_file, tmp_path):
    good = csv_file("t_s,weight_g\n0,1\n")
    tmp_path.chmod(0o500)
    assert run(monkeypatch, "import", "weight", good, "--columns", "t_s,weight_g") == 2
    tmp_path.chmod(0o700)
    good.chmod(0)
    assert run(monkeypatch, "import", "weight", good, "--columns", "t_s,weight_g") == 2
    assert capsys.readouterr().err.count("\n") == 2


def test_info_recover_and_import_from_the_command_line(monkeypatch, capsys, csv_file):
    text = "t_s,weight_g\n" + "".join(f"{i / 10},{i - 3}\n" for i in range(100)) + "19.5,\n"
    path = csv_file(text)
    out = path.with_suffix(".mcap")
    assert run(monkeypatch, "import", "weight", path, "--columns", "t_s,weight_g") == 0
    assert run(monkeypatch, "info", out) == 0
    said = capsys.readouterr().out
    for words in (
        "101 samples of weight_g",
        "-3 to 96, 3 negative, 1 not measured",
        "9.6 s at 9.90 s",
        "whole",
    ):
        assert words in said
    assert run(monkeypatch, "recover", out) == 0
    assert same_streams(read(out), read(out.with_suffix(".recovered.mcap")))
    cut = out.with_name("cut.mcap")
    cut.write_bytes(out.read_bytes()[:-1])
    assert run(monkeypatch, "recover", cut, "--out", out.with_name("again.mcap")) == 3
    assert "all samples are there" in capsys.readouterr().out
    assert run(monkeypatch, "recover", path, "--out", out.with_name("no.mcap")) == 2
    assert run(monkeypatch, "info", path) == 2
    assert not out.with_name("no.mcap").exists()
