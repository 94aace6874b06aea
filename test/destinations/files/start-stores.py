"""S3 (moto), Google Cloud Storage (gcp-storage-emulator) and an SFTP server (AsyncSSH), on loopback, until standard input ends.

Reads one JSON line {"root": folder, "policy": IAM policy of the user "writer", "password": of the SFTP user}, and prints one with
ports and keys. The SFTP user's home is the root; public keys that may log in stand in <root>/../authorized_keys.
"""

import asyncio
import json
import logging
import os
import pathlib
import sys
import threading

import asyncssh
from asyncssh.sftp import SFTPServerHandler
from gcp_storage_emulator.server import create_server
from moto import settings
from moto.iam.models import iam_backends
from moto.moto_server.werkzeug_app import create_backend_app
from moto.s3.models import s3_backends
from werkzeug.serving import make_server

given = json.loads(sys.stdin.readline())
root = pathlib.Path(given["root"])
logging.disable(logging.CRITICAL)


def start_s3():
    account = iam_backends["123456789012"]["aws"]
    keys = {}
    everything = {"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "s3:*", "Resource": "*"}]}
    for name, policy in {"admin": everything, "writer": given["policy"], "stranger": None}.items():
        account.create_user("us-east-1", name)
        key = account.create_access_key(user_name=name)
        keys[name] = {"access_key_id": key.access_key_id, "secret_access_key": key.secret_access_key}
        if policy is not None:
            account.put_user_policy(name, "own", json.dumps(policy))
    s3_backends["123456789012"]["aws"].create_bucket("shop-exports", "us-east-1")
    settings.INITIAL_NO_AUTH_ACTION_COUNT = 0
    server = make_server("127.0.0.1", 0, create_backend_app("s3"), threaded=True)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    return {"port": server.server_port, "keys": keys}


def start_gcs():
    server = create_server("127.0.0.1", 0, in_memory=True, default_bucket="shop-exports")
    server.start()
    return {"port": server._api._httpd.server_port}


class Login(asyncssh.SSHServer):
    def password_auth_supported(self):
        return True

    def validate_password(self, username, password):
        return username == "exporter" and password == given["password"]

    def begin_auth(self, username):
        self.asks = username == "asked"
        return True

    def kbdint_auth_supported(self):
        return self.asks

    def get_kbdint_challenge(self, username, lang, submethods):
        return "", "", "", [("Password: ", False)]

    def validate_kbdint_response(self, username, responses):
        return responses == [given["password"]]

    def public_key_auth_supported(self):
        return True

    def validate_public_key(self, username, key):
        allowed = root.parent / "authorized_keys"
        return allowed.exists() and any(
            asyncssh.import_public_key(line) == key for line in allowed.read_text().splitlines() if line
        )


class Sftp(asyncssh.SFTPServer):
    def __init__(self, chan):
        super().__init__(chan, chroot=str(root))

    async def mkdir(self, path, attrs):
        if b"forbidden" in path:
            raise asyncssh.SFTPPermissionDenied("Permission denied")
        return super().mkdir(path, attrs)

    async def open(self, path, pflags, attrs):
        if b"manifest" in path and (root / "held").exists():
            # Until the connection ends.
            await asyncio.sleep(3600)
        if b"dropbox" in path and pflags & asyncssh.FXF_READ:
            raise asyncssh.SFTPPermissionDenied("Permission denied")
        if b"full" in path:
            raise asyncssh.SFTPFailure("No space left on device")
        return super().open(path, pflags, attrs)

    def scandir(self, path):
        if b"dropbox" in path:
            raise asyncssh.SFTPPermissionDenied("Permission denied")
        return super().scandir(path)


class PlainSftp(Sftp):
    """Version 3 and nothing beside it: no fsync, and a rename that refuses a name that is taken."""


EXTENSIONS = SFTPServerHandler._extensions
SFTPServerHandler._extensions = property(lambda self: [] if isinstance(self._server, PlainSftp) else EXTENSIONS)


async def start_sftp(factory, *kinds):
    keys = [asyncssh.generate_private_key(kind) for kind in kinds]
    server = await asyncssh.listen("127.0.0.1", 0, server_factory=Login, server_host_keys=keys, sftp_factory=factory)
    return {"port": server.get_port(), "host_keys": [key.get_fingerprint() for key in keys]}


async def main():
    said = {
        "s3": start_s3(),
        "gcs": start_gcs(),
        "sftp": await start_sftp(Sftp, "ssh-ed25519"),
        "plain": await start_sftp(PlainSftp, "ssh-ed25519", "ecdsa-sha2-nistp256"),
    }
    print(json.dumps(said), flush=True)
    await asyncio.get_running_loop().run_in_executor(None, sys.stdin.read)


asyncio.run(main())
# The emulators have threads that would go on.
os._exit(0)
