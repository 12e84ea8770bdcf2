"""Hands the C core to setuptools; everything else about the package is in pyproject.toml."""

from setuptools import setup

setup(
    cffi_modules=["host/build_core.py:ffibuilder"],
    # cffi writes to the limited C API, so one wheel serves every Python from 3.11 on.
    options={"bdist_wheel": {"py_limited_api": "cp311"}},
)
