"""Executes a notebook in its folder with the kernel that it names: python execute.py NOTEBOOK RESULT"""

import sys
from pathlib import Path
from queue import Empty

import nbformat
from nbclient import NotebookClient

source, result = map(Path, sys.argv[1:])


async def take_late_outputs(cell, cell_index, execute_reply):
    """Deno's kernel may send an output after it has said that it is idle, which ends the cell for nbclient."""
    while True:
        try:
            message = await client.kc.get_iopub_msg(timeout=0.5)
        except Empty:
            return
        if message["parent_header"].get("msg_id") == execute_reply["parent_header"]["msg_id"]:
            client.process_message(message, cell, cell_index)


notebook = nbformat.read(source, as_version=4)
client = NotebookClient(
    notebook,
    timeout=900,
    resources={"metadata": {"path": str(source.parent)}},
    on_cell_executed=take_late_outputs,
)
client.execute()
nbformat.write(notebook, result)
