"""Runs a command and writes what its process and their children took: report_usage.py OUT COMMAND ..."""
import json
import os
import resource
import subprocess
import sys

out, *command = sys.argv[1:]
code = subprocess.call(command)
used = resource.getrusage(resource.RUSAGE_CHILDREN)
with open(out, "w") as file:
    json.dump({"cpuS": used.ru_utime + used.ru_stime, "rssMb": used.ru_maxrss / 1024, "writtenMb": used.ru_oublock * 512 / 2**20, "nodeMb": None}, file)
sys.exit(code)
