"""An SMTP server on loopback that takes mail from whoever logs in, as that of a provider does."""

from __future__ import annotations

import base64
import socketserver
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from email import message_from_bytes, policy
from email.message import EmailMessage
from typing import cast


@dataclass
class Mailbox:
    """Address of the server, and what came."""

    address: str = ""
    mails: list[EmailMessage] = field(default_factory=list)


@contextmanager
def mailbox(user: str, password: str) -> Iterator[Mailbox]:
    """Run the server for the time of a block."""
    box = Mailbox()

    class Session(socketserver.StreamRequestHandler):
        def handle(self) -> None:
            self._say("220 ready")
            known = False
            while line := self.rfile.readline():
                command, _, rest = line.decode().strip().partition(" ")
                match command.upper():
                    case "EHLO":
                        self._say("250-hello\r\n250 AUTH PLAIN")
                    case "AUTH":
                        known = base64.b64decode(rest.rpartition(" ")[2]) == f"\0{user}\0{password}".encode()
                        self._say("235 welcome" if known else "535 wrong user or password")
                    case "MAIL" if not known:
                        self._say("530 log in first")
                    case "DATA":
                        self._say("354 go on")
                        box.mails.append(cast(EmailMessage, message_from_bytes(self._text(), policy=policy.default)))
                        self._say("250 taken")
                    case "QUIT":
                        self._say("221 bye")
                        break
                    case _:
                        self._say("250 fine")

        def _text(self) -> bytes:
            lines = iter(self.rfile.readline, b".\r\n")
            return b"".join(line[1:] if line.startswith(b"..") else line for line in lines)

        def _say(self, answer: str) -> None:
            self.wfile.write(f"{answer}\r\n".encode())

    with socketserver.ThreadingTCPServer(("127.0.0.1", 0), Session) as server:
        server.daemon_threads = True
        box.address = f"127.0.0.1:{server.server_address[1]}"
        threading.Thread(target=server.serve_forever, daemon=True).start()
        try:
            yield box
        finally:
            server.shutdown()
