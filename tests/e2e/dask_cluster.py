"""A Dask cluster on loopback: a scheduler and workers in processes of their own, with TLS."""

from __future__ import annotations

import subprocess
import sys
import threading
from contextlib import ExitStack
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Self

import psutil
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from tests import PROJECT

PATIENCE = 120


class Authority:
    """A CA in ``folder``, and one certificate of it, in `ca.pem`, `node.pem` and `node.key`."""

    def __init__(self, folder: Path) -> None:
        folder.mkdir()
        self.ca, self.certificate, self.key = (
            folder / x for x in ("ca.pem", "node.pem", "node.key")
        )
        authority, key = (
            ec.generate_private_key(ec.SECP256R1()),
            ec.generate_private_key(ec.SECP256R1()),
        )
        self.ca.write_bytes(_sign("ca", authority, "ca", authority))
        self.certificate.write_bytes(_sign("node", key, "ca", authority))
        pem = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
        self.key.write_bytes(pem)

    @property
    def options(self) -> list[str]:
        """The options for `site.py`."""
        return [f"--tls-ca={self.ca}", f"--tls-cert={self.certificate}", f"--tls-key={self.key}"]


def _sign(
    name: str, key: ec.EllipticCurvePrivateKey, issuer: str, by: ec.EllipticCurvePrivateKey
) -> bytes:
    now, common_name = datetime.now(UTC), x509.NameOID.COMMON_NAME
    builder = (
        x509.CertificateBuilder()
        .subject_name(x509.Name([x509.NameAttribute(common_name, name)]))
        .issuer_name(x509.Name([x509.NameAttribute(common_name, issuer)]))
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=2))
        .add_extension(x509.BasicConstraints(name == issuer, None), critical=True)
    )
    return builder.sign(by, hashes.SHA256()).public_bytes(Encoding.PEM)


class Cluster:
    """A ``scheduler`` at ``address`` and its ``workers``, for the length of a ``with`` block."""

    def __init__(self, authority: Authority, workers: int) -> None:
        self.authority, self._count = authority, workers
        self.workers: list[psutil.Process] = []
        self.address = ""
        self._stack = ExitStack()

    def __enter__(self) -> Self:
        words = ["scheduler", "--port", "0", "--host", "tls://127.0.0.1"]
        self.scheduler, found = self._start(words, "Scheduler at:")
        self.address = found.split()[-1]
        for _ in range(self._count):
            words = ["worker", self.address, "--host", "127.0.0.1", "--no-nanny", "--nthreads", "1"]
            process, _ = self._start(words, "Registered to:")
            self.workers.append(psutil.Process(process.pid))
        return self

    def __exit__(self, *_: object) -> None:
        self._stack.close()

    @property
    def options(self) -> list[str]:
        """The options for `site.py`."""
        return ["--executor", "dask", "--scheduler", self.address, *self.authority.options]

    def _start(self, words: list[str], until: str) -> tuple[subprocess.Popen[str], str]:
        """Start a part of the cluster; return it with the line of its log that has the text ``until``."""
        part, *rest = words
        files = self.authority
        argv = [sys.executable, "-m", f"distributed.cli.dask_{part}", *rest, "--no-dashboard"]
        argv += ["--tls-ca-file", str(files.ca), "--tls-cert", str(files.certificate)]
        argv += ["--tls-key", str(files.key)]
        process = subprocess.Popen(argv, cwd=PROJECT, stderr=subprocess.PIPE, text=True)
        self._stack.callback(_end, process)
        log = _Log(process)
        return process, log.wait(until)


class _Log:
    """The output of a process, read to its end so that the process never has to wait."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self._process, self._lines = process, list[str]()
        self._changed = threading.Condition()
        threading.Thread(target=self._read, daemon=True).start()

    def _read(self) -> None:
        for line in self._process.stderr or ():
            with self._changed:
                self._lines.append(line)
                self._changed.notify_all()

    def wait(self, text: str) -> str:
        """Return the first line with ``text``."""
        with self._changed:
            self._changed.wait_for(lambda: any(text in line for line in self._lines), PATIENCE)
            found = [line for line in self._lines if text in line]
        assert found, "".join(self._lines)
        return found[0]


def _end(process: subprocess.Popen[str]) -> None:
    process.kill()
    process.wait()
