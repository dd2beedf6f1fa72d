"""Who is in a process's hands at the same time: usually several deliveries, but a suspect of killing workers is alone.

When a worker dies every delivery that it held counts the death. So before the last death that parks a delivery as
poison it is handled with nothing beside it: whoever is parked has killed alone.
"""

import threading
from collections.abc import Iterator
from contextlib import contextmanager

PATIENCE_S = 60.0
"""How long a suspect waits to be alone; after that it is handled in company rather than not at all."""


class Company:
    """The deliveries in one process's hands. `together` lets others in beside it, `alone` does not."""

    def __init__(self) -> None:
        self._changed = threading.Condition()
        self._inside = 0
        self._wanting_alone = 0
        self._is_alone = False

    @contextmanager
    def together(self) -> Iterator[None]:
        """Be in company. Waits while somebody is alone, or waits to be."""
        with self._changed:
            self._changed.wait_for(lambda: not (self._is_alone or self._wanting_alone))
            self._inside += 1
        try:
            yield
        finally:
            with self._changed:
                self._inside -= 1
                self._changed.notify_all()

    @contextmanager
    def alone(self, patience: float = PATIENCE_S) -> Iterator[None]:
        """Be alone: wait until everybody has left, and let nobody in meanwhile."""
        with self._changed:
            self._wanting_alone += 1
            try:
                self._changed.wait_for(lambda: not (self._inside or self._is_alone), patience)
            finally:
                self._wanting_alone -= 1
            ours = not self._is_alone
            self._is_alone = True
            self._inside += 1
        try:
            yield
        finally:
            with self._changed:
                self._inside -= 1
                self._is_alone = self._is_alone and not ours
                self._changed.notify_all()
