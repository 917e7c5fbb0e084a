"""The reading half of a store on Redis, in which groups of channels are one stream."""

from collections.abc import Iterable

from crepe.store.groups.grouped import Grouped
from crepe.store.redis_reader import RedisReader


class GroupedRedis(Grouped, RedisReader):
    """A reader of streams in Redis, each as one array."""

    def newest(self, streams: Iterable[str]) -> int | None:
        return super().newest(name for stream in streams for name in self.names_of(stream))

    def sessions(self, streams: Iterable[str]) -> list[str | None]:
        return super().sessions(self.names_of(stream)[0] for stream in streams)
