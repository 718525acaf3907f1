"""A Python that has imported the libraries already: each command that it is given runs in a fork of it.

Most of what a short job costs is its imports. One process imports the libraries once, and the `python` of `program`
hands it the arguments, environment, folder and streams of each command. Modules of the package are not among the
libraries, since every checkout brings its own. What a test kills or times is started without this.
"""

import atexit
import gc
import os
import runpy
import selectors
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
from functools import cache
from importlib import import_module
from pathlib import Path

LIBRARIES = (
    "snakemake.cli",
    "snakemake.script",
    "numba",
    "scipy.integrate",
    "scipy.stats",
    "pandas",
    "pyarrow.parquet",
    "jinja2",
    "jsonschema",
    "ml_dtypes",
    "safetensors.numpy",
    "matplotlib.pyplot",
    "matplotlib.backends.backend_pdf",
    "matplotlib.backends.backend_svg",
    "great_tables",
)
# The command of a job begins with -m or a script. Others, and those that ask Python for something of their own, are not
# forked.
CLIENT = """#!{python} -IS
import os, socket, sys

arguments = sys.argv[1:]
own = any(name.startswith("PYTHON") and name != "PYTHONPATH" for name in os.environ)
if own or not "".join(arguments[:1]).endswith(("-m", ".py")):
    os.execv({python!r}, [{python!r}, *arguments])
variables = [f"{{name}}={{value}}" for name, value in os.environ.items()]
request = "\\0".join([str(len(arguments)), os.getcwd(), *arguments, *variables]).encode(errors="surrogateescape")
with socket.socket(socket.AF_UNIX) as server:
    server.connect({address!r})
    socket.send_fds(server, [len(request).to_bytes(4, "big")], [0, 1, 2])
    server.sendall(request)
    status = server.recv(1)
sys.exit(status[0] if status else 1)
"""


@cache
def program(seed: int) -> Path:
    """Start the process whose forks run the commands, and return the `python` that hands them over.

    All of its forks hash alike: what must not depend on the order of sets is to be done with two seeds.
    """
    folder = Path(tempfile.mkdtemp(prefix="forked-python-"))
    address = str(folder / "server")
    made = folder / "python"
    made.write_text(CLIENT.format(python=sys.executable, address=address))
    made.chmod(0o755)
    listening = socket.socket(socket.AF_UNIX)
    listening.bind(address)
    listening.listen(64)
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("PYTHON", "NUMBA_"))}
    # It ends with this process, which alone holds the other end of its standard input.
    process = subprocess.Popen(
        [sys.executable, __file__, str(listening.fileno()), str(made)],
        env=kept | {"PYTHONHASHSEED": str(seed)},
        stdin=subprocess.PIPE,
        stdout=subprocess.DEVNULL,
        pass_fds=[listening.fileno()],
        start_new_session=True,
    )
    listening.close()
    atexit.register(end, process, folder)
    return made


def end(process: subprocess.Popen[bytes], folder: Path) -> None:
    """End the process and all of its forks."""
    process.communicate()
    shutil.rmtree(folder)


def serve(listening: socket.socket) -> tuple[list[str], list[int]] | None:
    """Fork for each command and tell its exit status; a fork returns with its command, the process itself with None."""
    running: dict[int, socket.socket] = {}
    ended, wake = socket.socketpair()
    wake.setblocking(False)
    signal.set_wakeup_fd(wake.fileno())
    signal.signal(signal.SIGCHLD, lambda *_: None)
    with selectors.DefaultSelector() as selector:
        for each in (listening, ended, sys.stdin):
            selector.register(each, selectors.EVENT_READ)
        while True:
            ready = [key.fileobj for key, _ in selector.select()]
            if sys.stdin in ready:
                for process in running:
                    os.kill(process, signal.SIGKILL)
                return None
            if ended in ready:
                ended.recv(64)
                report(running)
            if listening in ready:
                connection, _ = listening.accept()
                command = receive(connection)
                process = os.fork()
                if process == 0:
                    signal.set_wakeup_fd(-1)
                    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
                    for each in (listening, ended, wake, connection, *running.values()):
                        each.close()
                    return command
                running[process] = connection
                for stream in command[1]:
                    os.close(stream)


def report(running: dict[int, socket.socket]) -> None:
    """Tell the exit status of every fork that has ended."""
    for process in list(running):
        found, status = os.waitpid(process, os.WNOHANG)
        if found:
            code = os.waitstatus_to_exitcode(status)
            with running.pop(process) as connection:
                connection.send(bytes([code if code >= 0 else 128 - code]))


def receive(connection: socket.socket) -> tuple[list[str], list[int]]:
    """Return the fields of a request, and the three streams that came with it."""
    size, streams, _, _ = socket.recv_fds(connection, 4, 3)
    with connection.makefile("rb") as stream:
        return stream.read(int.from_bytes(size, "big")).decode(errors="surrogateescape").split("\0"), streams


def become(request: list[str], streams: list[int], python: str) -> None:
    """Run a command in this process, as if Python had been started for it."""
    for number, stream in enumerate(streams):
        os.dup2(stream, number)
        os.close(stream)
    count, folder, *rest = request
    arguments, variables = rest[: int(count)], rest[int(count) :]
    os.chdir(folder)
    os.environ.clear()
    os.environ.update(variable.split("=", 1) for variable in variables)
    sys.path[:0] = filter(None, os.environ.get("PYTHONPATH", "").split(os.pathsep))
    if arguments[0] == "-m":
        sys.argv = arguments[1:]
        sys.path.insert(0, folder)
        if arguments[1] == "snakemake":
            sys.executable = python  # of its jobs
        runpy.run_module(arguments[1], run_name="__main__", alter_sys=True)
    else:
        sys.argv = arguments
        sys.path.insert(0, str(Path(arguments[0]).resolve().parent))
        runpy.run_path(arguments[0], run_name="__main__")


if __name__ == "__main__":
    del sys.path[0]  # this folder
    for library in LIBRARIES:
        import_module(library)
    gc.freeze()
    program_of_jobs = sys.argv[2]
    taken = serve(socket.socket(fileno=int(sys.argv[1])))
    if taken:
        become(*taken, program_of_jobs)
