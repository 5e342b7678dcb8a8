"""A CUDA device that is none: what torch.cuda is asked is written down, and time is what the test says."""


class FakeCuda:
    """Stands in for ``torch.cuda``; tensors stay on the CPU.

    ``log`` holds what was asked, in order, and what the test adds to it; ``held`` and ``peak`` are bytes.
    """

    def __init__(self, monkeypatch, torch, milliseconds=0.0):
        self.log = []
        self.milliseconds = milliseconds
        self.held, self.peak = 100, 5000
        monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
        monkeypatch.setattr(torch.cuda, "Event", self.event)
        monkeypatch.setattr(torch.cuda, "current_stream", lambda device: f"stream of {device}")
        monkeypatch.setattr(torch.cuda, "synchronize", lambda device: self.log.append(f"wait for {device}"))

        monkeypatch.setattr(torch.cuda, "memory_allocated", lambda device: self.held)
        monkeypatch.setattr(torch.cuda, "max_memory_allocated", lambda device: self.peak)
        monkeypatch.setattr(torch.cuda, "reset_peak_memory_stats", self.reset)

    def reset(self, device):
        self.peak = self.held

    def allocate(self, size):
        """Hold some bytes for a moment."""
        self.peak = max(self.peak, self.held + size)

    def event(self, enable_timing=False):
        assert enable_timing, "an event without timing tells no time"
        return FakeEvent(self)


class FakeEvent:
    def __init__(self, cuda):
        self.cuda = cuda
        self.waited_for = False

    def record(self, stream):
        self.cuda.log.append(f"record on {stream}")

    def synchronize(self):
        self.cuda.log.append("wait for the event")
        self.waited_for = True

    def elapsed_time(self, end):
        assert end.waited_for, "torch raises where the second event has not come yet"
        return self.cuda.milliseconds
