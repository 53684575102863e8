"""What a worker of any language must agree on with the others: shares of a level, and the mix."""

import pytest
from sqlite_load import mix, share, statement

from gauntlet_client import v1


def test_shares_sum_to_the_whole() -> None:
    for whole in range(40):
        for count in range(1, 9):
            shares = [share(whole, [1] * count, shard) for shard in range(count)]
            assert sum(shares) == whole and max(shares) - min(shares) <= 1
            assert shares == sorted(shares, reverse=True)


@pytest.mark.parametrize(
    ("weights", "expected"),
    [
        ([1, 1, 1], [4, 3, 3]),
        ([0, 1, 1], [0, 5, 5]),
        ([8, 10, 10], [3, 4, 3]),
        ([1, 99], [0, 10]),
        ([2**32 - 1, 2**32 - 1], [5, 5]),
        ([0, 0], [0, 0]),
    ],
)
def test_parts_are_whole_and_go_by_weight(weights: list[int], expected: list[int]) -> None:
    assert [share(10, weights, shard) for shard in range(len(weights))] == expected
    assert share(10, weights, 7) == 0


@pytest.mark.parametrize(
    ("weights", "slots"),
    [([1], [0]), ([1, 1], [0, 1]), ([3, 1], [0, 0, 0, 1]), ([5, 3, 2], [0, 1, 0, 2, 0, 1, 0, 1, 0, 2])],
)
def test_the_mix_is_spread_out(weights: list[int], slots: list[int]) -> None:
    assert list(mix(weights)) == slots


def test_after_any_number_of_slots_each_operation_has_come_within_one_of_its_share() -> None:
    for weights in ([70, 10, 15, 5], [1, 9_999], [33, 33, 34], [1, 2, 3, 4, 5]):
        taken = [0] * len(weights)
        for slot, operation in enumerate(mix(weights), 1):
            taken[operation] += 1
            assert all(abs(one - slot * weight / sum(weights)) < 1 for one, weight in zip(taken, weights, strict=True))


def test_statements() -> None:
    spec = v1.TemplateSpec(table="main.t", key_column="id")
    kind = v1.OperationKind

    def text(of: v1.OperationKind, *columns: str, limit: int = 0, sql: str = "") -> str:
        return statement(v1.Operation(kind=of, columns=list(columns), limit=limit, sql=sql), spec)

    assert text(kind.POINT_LOOKUP) == 'SELECT * FROM "main"."t" WHERE "id" = ?1'
    assert text(kind.RANGE_SCAN, "a", limit=5) == 'SELECT "a" FROM "main"."t" WHERE "id" >= ?1 ORDER BY "id" LIMIT 5'
    assert text(kind.INSERT, "a", "b") == 'INSERT INTO "main"."t" ("id", "a", "b") VALUES (?, ?, ?)'
    assert text(kind.UPDATE, "a", "b") == 'UPDATE "main"."t" SET "a" = ?, "b" = ? WHERE "id" = ?'
    assert text(kind.SQL, sql="SELECT '$1', $1, $12") == "SELECT '$1', ?1, ?12"
