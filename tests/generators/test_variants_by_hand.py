"""Each variant of sampling is its paper's formula and nothing else: a loop written here makes the same pixels."""

import math

import pytest

torch = pytest.importorskip("torch")
diffusers = pytest.importorskip("diffusers")

from generators import load  # noqa: E402
from generators.recipe import parse  # noqa: E402
from generators.sampling import generator_for  # noqa: E402
from tests.generators.tiny_pipelines import save  # noqa: E402

STEPS, SEED, SCALE, PROMPT = 6, 3, 4.0, "a red ball"


@pytest.fixture(scope="module")
def other(tmp_path_factory):
    return f"{save('sd', tmp_path_factory.mktemp('other'), seed=9)}/unet"


@torch.no_grad()
def by_hand(folder, cads=None, divisor=None, shift=None, interval=(0, 1), corrector=None, freeu=None):
    """Stable Diffusion by DDIM without noise (Song et al., arXiv:2010.02502, equation 12), and one variant."""
    pipe = diffusers.DiffusionPipeline.from_pretrained(folder)
    if freeu:
        pipe.enable_freeu(**freeu)
    pipe.scheduler.set_timesteps(STEPS)
    times, kept = pipe.scheduler.timesteps, pipe.scheduler.alphas_cumprod
    last, side = len(kept), 32 // pipe.vae_scale_factor
    given, empty = pipe.encode_prompt(PROMPT, "cpu", 1, True)
    noise = torch.Generator().manual_seed(SEED)
    x, apart = torch.randn((1, pipe.unet.config.in_channels, side, side), generator=noise), 0
    for number, time in enumerate(times):
        condition, network = given, pipe.unet
        if cads and (cads["low"] < float(time) / last):
            gamma = max(0.0, (cads["high"] - float(time) / last) / (cads["high"] - cads["low"]))
            drawn = torch.randn(given.shape, generator=generator_for(SEED, f"cads {number}"))
            noisy = math.sqrt(gamma) * given + cads["scale"] * math.sqrt(1 - gamma) * drawn
            rescaled = (noisy - noisy.mean()) / noisy.std() * given.std() + given.mean()
            condition = cads["mix"] * rescaled + (1 - cads["mix"]) * noisy
        if corrector and number in corrector[0]:
            network = corrector[1]
        both = network(torch.cat([x, x]), time + apart, encoder_hidden_states=torch.cat([empty, condition])).sample
        unguided, guided = both.chunk(2)
        within = interval[0] <= number / STEPS < interval[1]
        epsilon = unguided + SCALE * (guided - unguided) if within else guided
        epsilon = epsilon / divisor(number) if divisor else epsilon
        following = int(time) - last // STEPS
        now, then = kept[time], kept[following] if following >= 0 else pipe.scheduler.final_alpha_cumprod
        clean = (x - (1 - now).sqrt() * epsilon) / now.sqrt()
        x = then.sqrt() * clean + (1 - then).sqrt() * epsilon
        apart = 0
        if shift and number + 1 < STEPS and (after := int(times[number + 1])) > shift["until"]:
            reach = range(after - shift["window"] // 2, min(last - 1, after + shift["window"] // 2) + 1)
            apart = min(reach, key=lambda one: (abs(1 - kept[one] - x.var()), abs(one - after))) - after
    picture = pipe.vae.decode(x / pipe.vae.config.scaling_factor).sample / 2 + 0.5
    return (picture.clamp(0, 1) * 255).round().to(torch.uint8)[0].permute(1, 2, 0).numpy()


CADS = {"scale": 0.5, "low": 0.2, "high": 0.95}
CASES = {
    "cads, rescaled": ({"kind": "cads", **CADS}, {"cads": CADS | {"mix": 1.0}}),
    "cads, mixed": ({"kind": "cads", **CADS, "mix": 0.4}, {"cads": CADS | {"mix": 0.4}}),
    "epsilon scaling": (
        {"kind": "epsilon-scaling", "scale": 1.1, "slope": 0.02},
        {"divisor": lambda number: 1.1 + 0.02 * number},
    ),
    "time shift": ({"kind": "time-shift", "window": 160, "until": 150}, {"shift": {"window": 160, "until": 150}}),
    "freeu": ({"kind": "freeu"}, {"freeu": {"s1": 0.9, "s2": 0.2, "b1": 1.2, "b2": 1.4}}),
    "first": ({"kind": "corrector", "at": "first", "steps": 1}, {"corrector": [0]}),
    "last": ({"kind": "corrector", "at": "last", "steps": 2}, {"corrector": [4, 5]}),
    "interval": (None, {"interval": (0.2, 0.7)}),
    "plain": (None, {}),
}


@pytest.mark.parametrize("name", CASES)
def test_a_variant_is_its_papers_formula_and_nothing_else(stable_diffusion, other, name):
    modifier, hand = CASES[name]
    if "corrector" in hand:
        modifier = modifier | {"folder": other}
        hand = {"corrector": (hand["corrector"], diffusers.UNet2DConditionModel.from_pretrained(other))}
    guidance = {"scale": SCALE} | ({"interval": hand["interval"]} if "interval" in hand else {})
    recipe = {"source": {"folder": stable_diffusion}, "width": 32, "height": 32, "scheduler": {"steps": STEPS}}
    recipe |= {"guidance": guidance, "modifiers": [modifier] if modifier else []}
    made = load("diffusers").generate(PROMPT, SEED, parse("diffusers", recipe)).frames[0].astype(int)
    off, told = abs(made - by_hand(stable_diffusion, **hand)), abs(made - by_hand(stable_diffusion))
    assert off.max() <= 1  # another order of sums may round
    assert name == "plain" or off.sum() < 0.05 * told.sum()
