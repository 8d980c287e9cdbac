"""Certificates of an authority that only the test trusts, in the forms that Kafka and librdkafka read."""

from pathlib import Path

import trustme
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    NoEncryption,
    PrivateFormat,
    load_pem_private_key,
)

KEY_PASSWORD = "the password of a key"


class Certificates:
    """A folder with an authority's certificate and what it has vouched for."""

    def __init__(self, folder: Path) -> None:
        folder.mkdir()
        self._folder = folder
        self._authority = trustme.CA()
        self.authority = folder / "ca.pem"
        self._authority.cert_pem.write_to_path(self.authority)

    def of_server(self, host: str) -> Path:
        """Write a server's key and certificate into one file, the key as Kafka wants it."""
        issued = self._authority.issue_cert(host)
        path = self._folder / "server.pem"
        path.write_bytes(_key(issued, "") + _chain(issued))
        return path

    def of_client(self, name: str, *, password: str = "") -> tuple[Path, Path]:
        """Write a client's certificate and its key, which may have a password; give the paths of both."""
        issued = self._authority.issue_cert(f"{name}.example", common_name=name)
        certificate, key = self._folder / f"{name}.crt", self._folder / f"{name}{'-locked' if password else ''}.key"
        certificate.write_bytes(_chain(issued))
        key.write_bytes(_key(issued, password))
        return certificate, key


def _chain(issued: trustme.LeafCert) -> bytes:
    return b"".join(part.bytes() for part in issued.cert_chain_pems)


def _key(issued: trustme.LeafCert, password: str) -> bytes:
    key = load_pem_private_key(issued.private_key_pem.bytes(), None)
    locked = BestAvailableEncryption(password.encode()) if password else NoEncryption()
    return key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, locked)
