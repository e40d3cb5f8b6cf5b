import os
import subprocess
import sys

import pytest

FAULTS = """
import resource
from lvc.startup import prepare
prepare()
bytearray(2**23)
before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
for _ in range(20):
    bytearray(2**23)
print(resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before)
"""


@pytest.mark.skipif(sys.platform != "linux" or "glibc" not in (os.confstr("CS_GNU_LIBC_VERSION") or ""), reason="glibc")
@pytest.mark.parametrize("setting", [{}, {"MALLOC_MMAP_THRESHOLD_": "65536"}], ids=["default", "user's own"])
def test_freed_memory_is_used_again_unless_the_user_has_set_something_else(setting):
    """Pages of 20 blocks of 8 MiB are had from the system once, not 20 times."""
    env = os.environ | setting
    faults = int(subprocess.run([sys.executable, "-c", FAULTS], env=env, capture_output=True, check=True).stdout)
    assert faults > 20_000 if setting else faults < 2_500
