"""Writes a loss for TensorBoard."""

import argparse

from tensorboard.compat.proto.event_pb2 import Event
from tensorboard.compat.proto.summary_pb2 import Summary
from tensorboard.summary.writer.event_file_writer import EventFileWriter

parser = argparse.ArgumentParser()
parser.add_argument("--log_dir")
writer = EventFileWriter(parser.parse_args().log_dir)
for step in range(3):
    summary = Summary(value=[Summary.Value(tag="loss", simple_value=1 / (step + 1))])
    writer.add_event(Event(wall_time=step, step=step, summary=summary))
writer.close()
print("events written")
