"""What is stored in few bits: each codec against the definition of its format, in double precision."""

from typing import Any

import numpy as np
import pytest
from support.by_hand import bfloat16

from fastopt.numerics import STORAGES

F, D, U, H = np.float32, np.float64, np.uint32, np.uint16
BLOCK = 128
RNG = np.random.default_rng(0)
EDGES = np.array(
    [
        *[0.0, 1.0, 1.17549435e-38, 1e-45, 6e-39, 9.1835e-41, 1.0039062, 1.0117188, 65504.0, 65520.0],
        *[3.3895314e38, 3.3961775e38, 3.4028235e38, np.inf, np.nan],
    ],
    F,
)
# Random bits, ties of bfloat16 and what lies beside them, and the ends of ranges, of both signs.
HALVES = RNG.integers(0, 1 << 16, 1 << 14, U) << U(16)
ANY = np.concatenate(
    [
        RNG.integers(0, 1 << 32, 1 << 16, U).view(F),
        *[(HALVES + U(tail)).view(F) for tail in (0, 1, 0x7FFF, 0x8000, 0x8001, 0xFFFF)],
        EDGES,
        -EDGES,
    ]
)
NUMBERS = ANY[~np.isnan(ANY)]
NOISE = RNG.integers(0, 1 << 16, ANY.size, U)


def stored(name: str, x: Any, noise: Any = None) -> Any:
    with np.errstate(all="ignore"):
        return STORAGES[name].encoded(x, noise)


def read(name: str, bits: Any, beside: Any = None) -> Any:
    with np.errstate(all="ignore"):
        return STORAGES[name].decoded(bits, beside)


def same(a: Any, b: Any) -> bool:
    return bool(np.array_equal(a.view(U), b.view(U)))


def below(x: Any) -> Any:
    """Numbers in units of bfloat16's last place, cut and what is cut, in 2^16 parts; of finite ones."""
    size = np.abs(x.astype(D))
    exponent = np.maximum(np.frexp(size)[1], -125)  # of 0.5 to 1; subnormals share one
    units = np.ldexp(size, 8 - exponent)
    return np.floor(units), (units - np.floor(units)) * 65536, exponent - 8


def test_nearest_is_the_cast_of_ml_dtypes() -> None:
    bits, _ = stored("bfloat16", ANY)
    with np.errstate(all="ignore"):
        wanted = ANY.astype(bfloat16)
    number = ~np.isnan(ANY)
    assert bits.dtype == H
    assert np.array_equal(bits[number], wanted.view(H)[number])
    assert np.isnan(bits.view(bfloat16)[~number].astype(F)).all()
    assert same(read("bfloat16", bits)[number], wanted.astype(F)[number])


def test_noise_is_added_to_what_is_cut() -> None:
    """Up where both reach the last place; away from zero, for either sign."""
    finite = np.isfinite(ANY) & (np.abs(ANY) < 3.3e38)
    x, noise = ANY[finite], NOISE[finite]
    bits, _ = stored("bfloat16", x, noise)
    whole, rest, exponent = below(x)
    size = np.ldexp(whole + (rest + noise >= 65536), exponent)
    assert np.array_equal(read("bfloat16", bits).astype(D), np.copysign(size, x))
    assert np.array_equal(np.signbit(read("bfloat16", bits)), np.signbit(x))


@pytest.mark.parametrize("noise", [0, 1, 0xFFFF])
def test_no_noise_changes_what_is_stored_exactly(noise: int) -> None:
    x = np.concatenate([HALVES.view(F), np.array([np.inf, -np.inf, 0.0, -0.0], F)])
    bits, _ = stored("bfloat16", x, np.full(x.size, noise, U))
    number = ~np.isnan(x)
    assert same(read("bfloat16", bits)[number], x[number])
    assert np.isnan(read("bfloat16", bits)[~number]).all()


def test_rounding_by_noise_has_no_bias() -> None:
    """Of all 2^16 noises, as many round up as parts of the last place are cut."""
    every = np.arange(1 << 16, dtype=U)
    for x in (1.00001, -3.1415926, 1e-40, 0.1):
        one = np.full(every.size, x, F)
        found = read("bfloat16", stored("bfloat16", one, every)[0]).astype(D)
        assert found.mean() == D(F(x))
        assert len(np.unique(found)) == 2


def test_split_is_exact() -> None:
    high, low = stored("split", ANY)
    assert (high.dtype, low.dtype) == (H, np.int16)
    again = read("split", high, low)
    number = ~np.isnan(ANY)
    assert same(again[number], ANY[number])
    assert np.isnan(again[~number]).all()


def test_split_shows_the_nearest() -> None:
    """Half away from zero, so that ties differ from ml_dtypes' cast, and nothing else does."""
    x = NUMBERS[np.isfinite(NUMBERS) & (np.abs(NUMBERS) < 3.3e38)]
    high, _ = stored("split", x)
    whole, rest, exponent = below(x)
    size = np.ldexp(whole + (rest >= 32768), exponent)
    assert np.array_equal(high.view(bfloat16).astype(D), np.copysign(size, x))
    differ = high != x.astype(bfloat16).view(H)
    assert (rest[differ] == 32768).all()
    assert differ.any()


def test_what_others_write_into_a_split_parameter_is_taken() -> None:
    """The difference stays, which is at most half of the last place."""
    _, low = stored("split", NUMBERS[: 1 << 12])
    new = np.linspace(1.0, 1.98, low.size).astype(bfloat16)
    found = read("split", new.view(H), low)
    assert np.max(np.abs(found.astype(D) - new.astype(D))) <= 2.0**-8


@pytest.mark.parametrize("zero", [0.0, -0.0])
def test_a_zero_that_others_write_stays_one(zero: float) -> None:
    """All but: nothing lies below it, whatever was there before."""
    low = np.arange(-(1 << 15), 1 << 15, dtype=np.int16)
    found = read("split", np.full(low.size, zero, bfloat16).view(H), low)
    assert (np.abs(found) < 2.0**-133).all()
    assert (found[low <= 0] == 0.0).all()


def test_master_is_kept_beside_its_nearest() -> None:
    given, master = stored("master", ANY)
    assert (given.dtype, master.dtype) == (np.float16, F)
    with np.errstate(all="ignore"):
        assert np.array_equal(given.view(H), ANY.astype(np.float16).view(H))
    assert same(read("master", given, master), ANY)


def test_what_others_write_beside_a_master_is_taken() -> None:
    given, master = stored("master", np.linspace(-2.0, 2.0, 1001).astype(F))
    written = given.copy()
    written[::3] = np.float16(0.3125)
    found = read("master", written, master)
    others = np.arange(1001) % 3 != 0
    assert same(found[others], master[others])
    assert (found[::3] == F(0.3125)).all()


class Codes:
    """The numbers of 8 bits, from fields of exponent and fraction."""

    def __init__(self, name: str) -> None:
        self.name, self.signed = name, name == "signed8"
        self.most, least = (127, -7) if self.signed else (255, -15)
        code = np.arange(self.most + 2)
        self.offset = 2.0**least
        self.sizes = np.ldexp(
            1.0 + code % 8 / 8, least + code // 8
        )  # with that of 0, which is taken away
        self.reach = self.sizes[self.most] - self.offset

    def encoded(self, x: Any, noise: Any = None) -> Any:
        """Encode a block: codes, and the scale."""
        with np.errstate(all="ignore"):
            largest = np.abs(x).max()
            if not largest >= F(2.0**-100) or np.isinf(largest):
                return np.zeros(x.size, np.uint8), F(0.0 if largest < 1 else np.nan)
            size = np.abs(x) if self.signed else np.where(x > 0, x, F(0))
            y = (size * (F(self.reach) / largest) + F(self.offset)).astype(D)
        code = np.searchsorted(self.sizes, y, side="right") - 1
        code = np.minimum(code, self.most)
        part = (y - self.sizes[code]) / (self.sizes[code + 1] - self.sizes[code]) * 2.0**20
        if noise is None:
            up = (part > 2.0**19) | ((part == 2.0**19) & (code % 2 == 1))
        else:
            up = part + 16.0 * noise + 8.0 >= 2.0**20
        code = np.minimum(code + up, self.most) | (128 * np.signbit(x) if self.signed else 0)
        return code.astype(np.uint8), largest / F(self.reach)

    def decoded(self, code: Any, scale: Any) -> Any:
        size = (self.sizes[code & self.most] - self.offset).astype(F) * scale
        return np.where(code & 128, -size, size) if self.signed else size


CODES = [Codes("signed8"), Codes("unsigned8")]
each_code = pytest.mark.parametrize("codes", CODES, ids=lambda codes: codes.name)


def in_decades(codes: Codes, size: int, decades: float, seed: int = 1) -> Any:
    rng = np.random.default_rng(seed)
    x = (10.0 ** -rng.uniform(0.0, decades, size)).astype(F)
    return x * rng.choice([F(-1), F(1)], size) if codes.signed else x


@each_code
@pytest.mark.parametrize("noisy", [False, True])
def test_codes_are_those_of_the_fields(codes: Codes, noisy: bool) -> None:
    for k, scale in enumerate((1.0, 1e-25, 3e30, 2.0**-99, 1e-3)):
        x = in_decades(codes, BLOCK, 6.0, k) * F(scale)
        x[3] = 0.0
        noise = NOISE[k * BLOCK : (k + 1) * BLOCK] if noisy else None
        found, scales = stored(codes.name, x, noise)
        wanted, its = codes.encoded(x, noise)
        assert np.array_equal(found, wanted)
        assert scales.tolist() == [its]
        assert same(read(codes.name, found, scales), codes.decoded(found, its))


@each_code
@pytest.mark.parametrize("n", [1, 2, 63, 127, 128, 129, 255, 256, 300])
def test_blocks_begin_at_multiples(codes: Codes, n: int) -> None:
    """Each has its own scale, and the last may be short."""
    x = in_decades(codes, n, 3.0) * F(10.0) ** (np.arange(n, dtype=F) // BLOCK)
    noise = NOISE[:n]
    found, scales = stored(codes.name, x, noise)
    assert (found.size, scales.size) == (n, -(-n // BLOCK))
    for k, begin in enumerate(range(0, n, BLOCK)):
        wanted, its = codes.encoded(x[begin : begin + BLOCK], noise[begin : begin + BLOCK])
        assert np.array_equal(found[begin : begin + BLOCK], wanted)
        assert scales[k] == its
    decoded = read(codes.name, found, scales)
    assert np.all(
        np.abs(decoded - x) <= np.abs(x) / 8 + np.repeat(scales, BLOCK)[:n] * codes.offset / 8
    )


@each_code
def test_every_code_is_found_again(codes: Codes) -> None:
    """What a block holds is stored as the same codes, where its largest is there."""
    code = np.arange(256, dtype=np.uint8).reshape(2, BLOCK)
    code[:, -1] = codes.most
    x = read(codes.name, code.ravel(), np.full(2, codes.offset, F))
    found, scales = stored(codes.name, x)
    assert np.array_equal(found, code.ravel())
    assert scales.tolist() == [codes.offset] * 2


@each_code
def test_ties_between_codes_are_even(codes: Codes) -> None:
    code = np.arange(40, 80)
    x = np.full(BLOCK, codes.reach, F)  # the largest, so that nothing is rounded before
    x[:40] = (codes.sizes[code] + codes.sizes[code + 1]) / 2 - codes.offset
    found, scales = stored(codes.name, x)
    assert scales.tolist() == [1.0]
    assert found[:40].tolist() == (code + code % 2).tolist()


@each_code
def test_the_largest_of_a_block_stays(codes: Codes) -> None:
    for noise in (None, np.zeros(BLOCK, U), np.full(BLOCK, 0xFFFF, U)):
        for seed in range(20):
            x = in_decades(codes, BLOCK, 2.0, seed) * F(0.7)
            k = int(np.argmax(np.abs(x)))
            found = read(codes.name, *stored(codes.name, x, noise))
            assert abs(float(found[k]) / float(x[k]) - 1.0) < 3e-7  # a product and a quotient, rounded


@each_code
def test_blocks_of_nothing_and_of_no_numbers(codes: Codes) -> None:
    """What is all but zero becomes zero; a block with what is no number says so, alone."""
    tiny = np.full(BLOCK, np.nextafter(F(2.0**-100), F(0)), F)
    least = np.full(BLOCK, 2.0**-100, F)
    wild = [np.full(BLOCK, 0.5, F) for _ in range(3)]
    wild[0][5], wild[1][127], wild[2][0] = np.inf, np.nan, -np.inf
    blocks = [np.zeros(BLOCK, F), tiny, least, *wild, np.full(BLOCK, 0.5, F)]
    for noise in (None, np.full(len(blocks) * BLOCK, 0xFFFF, U)):
        found, scales = stored(codes.name, np.concatenate(blocks), noise)
        values = read(codes.name, found, scales).reshape(-1, BLOCK)
        assert not values[:2].any()
        assert scales[:2].tolist() == [0.0, 0.0]
        assert np.allclose(values[2], 2.0**-100, rtol=1e-6, atol=0)
        assert np.isnan(values[3:6]).all()
        assert np.isnan(scales[3:6]).all()
        assert not found.reshape(-1, BLOCK)[3:6].any()
        assert np.allclose(values[6], 0.5, rtol=1e-6, atol=0)


def test_what_is_never_negative_is_not() -> None:
    x = np.full(BLOCK, -0.25, F)
    x[0] = 1.0
    assert read("unsigned8", *stored("unsigned8", x))[1:].tolist() == [0.0] * 127


def test_signs_stay() -> None:
    x = in_decades(CODES[0], BLOCK, 9.0)
    found = read("signed8", *stored("signed8", x))
    assert np.array_equal(np.signbit(found), np.signbit(x))


@pytest.mark.parametrize(
    ("decades", "most"), [(0, 0.013), (2, 0.013), (4, 0.013), (6, 0.013), (7, 0.014), (9, 0.026)]
)
def test_roots_of_second_moments(decades: int, most: float) -> None:
    """The mean error of what Adam divides by, so far below the largest of a block."""
    x = (10.0 ** -(decades + RNG.uniform(0.0, 1.0, BLOCK * 64))).astype(F)
    x[::BLOCK] = 1.0
    found = read("unsigned8", *stored("unsigned8", x)).astype(D)
    assert np.abs(np.sqrt(found / x) - 1.0).mean() < most


@pytest.mark.parametrize(("decades", "most"), [(0, 0.026), (2, 0.026), (3, 0.03)])
def test_first_moments(decades: int, most: float) -> None:
    x = (10.0 ** -(decades + RNG.uniform(0.0, 1.0, BLOCK * 64))).astype(F)
    x[::BLOCK] = 1.0
    found = read("signed8", *stored("signed8", x)).astype(D)
    assert np.abs(found / x - 1.0).mean() < most


@each_code
def test_codes_rounded_by_noise_have_no_bias(codes: Codes) -> None:
    """The mean over noises spread evenly is the number, but for 2^-20 of the step between two codes."""
    x = in_decades(codes, BLOCK, 4.0)
    x[0] = 1.0
    found = [
        read(codes.name, *stored(codes.name, x, np.full(BLOCK, noise, U))).astype(D)
        for noise in range(0, 1 << 16, 64)
    ]
    steps = np.abs(x) / 8 + codes.offset / codes.reach / 8
    # Of 1,024 noises, a multiple of 64 each: half a step of them is 2^-11 of one between codes.
    assert np.all(np.abs(np.mean(found, axis=0) - x) <= steps * 2.0**-9)
