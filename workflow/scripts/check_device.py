"""Whether this machine has a device; else the error that a job would end with."""

import argparse

from collapse.training.device import choose_device

parser = argparse.ArgumentParser(description=__doc__)
parser.add_argument("--device", required=True)

if __name__ == "__main__":
    choose_device(parser.parse_args().device)
