# What `cargo xtask bench neighbours` lets NumPy do: the ten nearest of every artist, read from a table of the lake and written as another one.
#
#   matrix PROFILES INTO SECONDS     direct PROFILES INTO SECONDS     compare PROFILES OURS THEIRS
#
# Both ways go through the rows in chunks, in float64, on all cores: `matrix` by |x|^2 + |y|^2 - 2xy, `direct` by the differences themselves.
# What either chooses is measured once more by the differences, so that what is cancelled out in the product does not order neighbours.
# SECONDS is a file for what it took without the interpreter's start and the imports.
import os
import sys

# The chunks are what runs side by side, one a core.
os.environ["OPENBLAS_NUM_THREADS"] = "1"

import time
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pyarrow as pa
from deltalake import DeltaTable, write_deltalake

NEAREST = 10
# So many more are measured again: the product may put what is as good as equally far in another order.
SPARE = 4
# Rows at a time: so many that they stay near the processor.
CHUNK = {"matrix": 16, "direct": 32}
# Distances that differ by less are equal.
EQUAL = 1e-9


def read(table):
    rows = DeltaTable(table).to_pyarrow_table(columns=["artist_id", "features"]).sort_by("artist_id").combine_chunks()
    lists = rows["features"].combine_chunks()
    points = lists.flatten().to_numpy(zero_copy_only=False).astype(np.float64).reshape(len(rows), -1)
    return rows["artist_id"].combine_chunks(), np.ascontiguousarray(points)


def matrix(points):
    # One product does it all: (-2x, 1) times (y, |y|^2). What |x|^2 adds is the same for all of a row, and orders nothing.
    left = np.hstack([-2.0 * points, np.ones((len(points), 1))])
    right = np.ascontiguousarray(np.hstack([points, np.square(points).sum(axis=1, keepdims=True)]).T)
    return lambda start, stop: left[start:stop] @ right


def direct(points):
    columns = np.ascontiguousarray(points.T)

    def far(start, stop):
        distances = np.zeros((stop - start, len(points)))
        difference = np.empty_like(distances)
        for column in columns:
            np.subtract(column[start:stop, None], column, out=difference)
            np.multiply(difference, difference, out=difference)
            distances += difference
        return distances

    return far


def nearest(points, far, chunk):
    count = len(points)
    found = np.empty((count, NEAREST), dtype=np.int64)
    distances = np.empty((count, NEAREST))
    chosen = min(NEAREST + SPARE, count - 1)

    def work(start):
        stop = min(start + chunk, count)
        near = far(start, stop)
        near[np.arange(stop - start), np.arange(start, stop)] = np.inf
        near = np.argpartition(near, chosen - 1, axis=1)[:, :chosen]
        exact = np.sqrt(np.square(points[start:stop, None] - points[near]).sum(axis=2))
        # By distance, and where it is the same by id: rows are in their order.
        order = np.lexsort((near, exact))[:, :NEAREST]
        found[start:stop] = np.take_along_axis(near, order, axis=1)
        distances[start:stop] = np.take_along_axis(exact, order, axis=1)

    with ThreadPoolExecutor(os.cpu_count()) as pool:
        for _ in pool.map(work, range(0, count, chunk)):
            pass
    return found, distances


def related(way, profiles, into, seconds):
    begun = time.perf_counter()
    ids, points = read(profiles)
    far = {"matrix": matrix, "direct": direct}[way](points)
    found, distances = nearest(points, far, CHUNK[way])
    count = len(points)
    rows = {
        "artist_id": ids.take(pa.array(np.repeat(np.arange(count), NEAREST))),
        "related_id": ids.take(pa.array(found.ravel())),
        "rank": pa.array(np.tile(np.arange(1, NEAREST + 1, dtype=np.int32), count)),
        "distance": pa.array(distances.ravel()),
    }
    write_deltalake(into, pa.table(rows))
    with open(seconds, "w") as out:
        out.write(str(time.perf_counter() - begun))


def neighbours(table, places):
    """The numbers of each artist's neighbours, nearest first, and how far they are said to be."""
    rows = DeltaTable(table).to_pyarrow_table(columns=["artist_id", "related_id", "rank", "distance"])
    rows = rows.sort_by([("artist_id", "ascending"), ("rank", "ascending")])
    number = lambda column: np.array([places[id] for id in rows[column].to_pylist()])
    expected = np.repeat(np.arange(len(places)), NEAREST)
    ranks = np.tile(np.arange(1, NEAREST + 1), len(places))
    if len(rows) != len(expected):
        sys.exit(f"{table} has {len(rows)} rows and not {len(expected)}")
    if (number("artist_id") != expected).any() or (rows["rank"].to_numpy() != ranks).any():
        sys.exit(f"{table} has not each artist with the ranks 1 to {NEAREST}")
    return number("related_id").reshape(-1, NEAREST), rows["distance"].to_numpy().reshape(-1, NEAREST)


def compare(profiles, ours, theirs):
    ids, points = read(profiles)
    places = {id: at for at, id in enumerate(ids.to_pylist())}
    (found, said), (other, other_said) = neighbours(ours, places), neighbours(theirs, places)
    if (found == np.arange(len(points))[:, None]).any():
        sys.exit("an artist is its own neighbour")
    ordered = np.sort(found, axis=1)
    if (ordered[:, 1:] == ordered[:, :-1]).any():
        sys.exit("an artist has a neighbour twice")
    measured = lambda chosen: np.sqrt(np.square(points[:, None] - points[chosen]).sum(axis=2))
    far, other_far = measured(found), measured(other)
    for what, gap in [("ours", said - far), ("theirs", other_said - other_far), ("the two", far - other_far)]:
        if not (np.abs(gap) <= EQUAL).all():
            sys.exit(f"distances of {what} differ by up to {np.abs(gap).max()}")
    # Ids may differ only where distances do not: then both are as near, as was just found.
    print(f"{len(points)} artists, {int((found != other).sum())} neighbours of other ids, which are as near")


if sys.argv[1] == "compare":
    compare(*sys.argv[2:])
else:
    related(*sys.argv[1:])
# Without an interpreter's end: threads of the libraries that are still at work then abort the whole process now and again.
sys.stdout.flush()
os._exit(0)
