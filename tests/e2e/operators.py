"""What an operator types, against processes that run: weft log, weft state, SIGHUP."""
import json
import os
import pathlib
import re
import shutil
import signal
import subprocess


def weft(bin_folder, processes, *arguments, fails=False):
    """`weft ...` at the admin ports of these processes."""
    admins = ",".join(f"http://127.0.0.1:{p.admin}" for p in processes)
    done = subprocess.run([bin_folder / "weft", *arguments], capture_output=True, text=True,
                          check=False, env={**os.environ, "WEFT_ADMIN": admins}, timeout=300)
    assert (done.returncode != 0) == fails, (arguments, done.returncode, done.stdout, done.stderr)
    return done.stdout + done.stderr


def with_state(mesh):
    return [process for process in mesh.processes if process.room != "gateway"]


def check_log(mesh, bin_folder, wait_until):
    shown = weft(bin_folder, with_state(mesh), "log", "status")
    assert "stale" not in shown, shown
    for process in with_state(mesh):
        assert process.room in shown, shown
        said = weft(bin_folder, [process], "log", "status", "-o", "json")
        assert json.loads(said)["process"], said
    # Nothing is the matter, so nothing is to be decided.
    stock = mesh.of("inventory-projection")[:1]
    said = weft(bin_folder, stock, "log", "reseed", "--room", "inventory-projection", "--yes",
                fails=True)
    assert "LOG_NOT_CHANGED" in said, said
    said = weft(bin_folder, stock, "log", "rebuild", "--room", "inventory-projection", "--yes",
                fails=True)
    assert "ROOM_HAS_COMMANDS" in said, said
    # A projection is emptied and read again, and says the same.
    replica = mesh.of("pricing")[-1:]
    shown = weft(bin_folder, replica, "log", "rebuild", "--dry-run")
    assert "pricing-replica" in shown and replica[0].ready(), shown
    weft(bin_folder, replica, "log", "rebuild", "--yes", "--reason", "a test")
    wait_until("the replica was emptied", lambda: "emptied" in replica[0].log.read_text())
    wait_until("it is ready again", replica[0].ready)
    wait_until("it has its prices again", mesh.has_prices)


def check_reload(mesh, wait_until):
    for process in with_state(mesh):
        process.process.send_signal(signal.SIGHUP)
    for process in with_state(mesh):
        wait_until(f"{process.name} reads its configuration again", lambda process=process: (
            re.search(r'^weft_config_reloads_total\{[^}]*"ok"[^}]*\} [1-9]',
                      process.admin_text("/metrics")[1], re.M)))
        assert process.ready(), process.tail()


def check_state(mesh, bin_folder, kafka, wait_until):
    """A checkpoint of all; one room goes on from it, and then on another number of shards."""
    taken = weft(bin_folder, with_state(mesh), "state", "checkpoint")
    folders = [word for word in taken.split() if pathlib.Path(word).is_dir()]
    assert len(folders) == len(with_state(mesh)), taken
    listed = weft(bin_folder, with_state(mesh), "state", "list")
    for folder in folders:
        assert folder in listed, (folder, listed)
        weft(bin_folder, [], "state", "verify", folder)

    room = mesh.of("reorder")[0]
    data = mesh.folder / room.name
    taken = next(pathlib.Path(f) for f in folders if str(f).startswith(str(data)))
    kept = mesh.folder / "checkpoint-of-reorder"
    shutil.copytree(taken, kept)

    room.stop()
    room.ended()
    shutil.rmtree(data / "reorder")
    weft(bin_folder, [], "state", "restore", kept, data, "--dry-run")
    assert not (data / "reorder").exists()
    weft(bin_folder, [], "state", "restore", kept, data, "--yes")
    room.start()
    wait_until("the restored room is ready", room.ready)

    room.stop()
    room.ended()
    shutil.rmtree(data / "reorder")
    said = weft(bin_folder, [], "state", "reshard", kept / "reorder", data / "reorder",
                "--shards", "2", "--kafka", kafka, "--yes")
    assert "from 1 to 2 shards" in said, said
    room.shards = 2
    room.start()
    wait_until("the room with two shards is ready", room.ready)
    assert "0,1 of 2" in weft(bin_folder, [room], "log", "status")
