"""Ways to sample otherwise: each does nothing at its neutral setting, and by hand what its paper says."""

import inspect
import math
from functools import wraps

import numpy as np
import pytest

torch = pytest.importorskip("torch")
pytest.importorskip("diffusers")

from generators import GeneratorError, load  # noqa: E402
from generators.recipe import identity, parse  # noqa: E402
from tests.generators.tiny_pipelines import save  # noqa: E402

NEUTRAL = {
    "cads": {"kind": "cads", "scale": 0},
    "epsilon-scaling": {"kind": "epsilon-scaling", "scale": 1},
    "time-shift": {"kind": "time-shift", "window": 0},
}
STRONG = {
    "cads": {"kind": "cads", "scale": 1},
    "epsilon-scaling": {"kind": "epsilon-scaling", "scale": 1.2},
    "time-shift": {"kind": "time-shift", "window": 200},
    "freeu": {"kind": "freeu"},
}


def frames(folder, seed=1, steps=5, **settings):
    course = {} if "scheduler" in settings else {"scheduler": {"steps": steps}}
    common = {"source": {"folder": folder}, "width": 32, "height": 32}
    recipe = parse("diffusers", common | course | settings)
    return load("diffusers").generate("a red ball moves left", seed, recipe).frames


@pytest.mark.parametrize("name", NEUTRAL)
def test_a_neutral_variant_changes_nothing(stable_diffusion, name):
    assert (frames(stable_diffusion) == frames(stable_diffusion, modifiers=[NEUTRAL[name]])).all()


@pytest.mark.parametrize("name", STRONG)
def test_a_strong_variant_changes_pixels_but_not_the_noise_and_repeats_itself(stable_diffusion, name):
    one, again = (frames(stable_diffusion, modifiers=[STRONG[name]]) for _ in range(2))
    assert (one == again).all()
    assert (one != frames(stable_diffusion)).any()


def test_variants_compose(stable_diffusion):
    both = frames(stable_diffusion, modifiers=[STRONG["cads"], STRONG["epsilon-scaling"]])
    assert (both != frames(stable_diffusion, modifiers=[STRONG["cads"]])).any()
    assert (both != frames(stable_diffusion, modifiers=[STRONG["epsilon-scaling"]])).any()


def test_each_variant_makes_another_contender():
    source = {"source": {"folder": "x"}}
    names = {identity("diffusers", source | {"modifiers": [one]}) for one in [*NEUTRAL.values(), *STRONG.values()]}
    assert len(names | {identity("diffusers", source)}) == len(NEUTRAL) + len(STRONG) + 1


def test_freeu_at_one_is_the_plain_network_but_for_the_rounding_of_a_fourier_transform(stable_diffusion):
    ones = {"kind": "freeu", "s1": 1, "s2": 1, "b1": 1, "b2": 1}
    apart = np.abs(frames(stable_diffusion).astype(int) - frames(stable_diffusion, modifiers=[ones]).astype(int))
    assert apart.max() <= 1


def test_the_condition_is_annealed_as_the_paper_says():
    from generators.sampling import anneal, annealing

    assert [annealing(time, 0.6, 0.9) for time in (0.2, 0.6, 0.75, 0.9, 1)] == [1, 1, pytest.approx(0.5), 0, 0]
    condition, noise = torch.tensor([[[1.0, -1.0]]]), torch.tensor([[[0.0, 2.0]]])
    # γ = 1/4, s = 1/2: √¼·(1, −1) + ½·√¾·(0, 2) = (0.5, −0.5 + 0.8660)
    plain = anneal(condition, noise, kept=0.25, scale=0.5, mix=0)
    assert plain.flatten().tolist() == pytest.approx([0.5, -0.5 + math.sqrt(0.75)])
    rescaled = anneal(condition, noise, kept=0.25, scale=0.5, mix=1)
    assert rescaled.mean().item() == pytest.approx(0, abs=1e-6)
    assert rescaled.std().item() == pytest.approx(condition.std().item())
    assert rescaled.flatten().tolist() == pytest.approx([1, -1], abs=1e-6)  # of two numbers the greater stays so


def heard(monkeypatch, folder, name):
    """What the denoiser is given as `name`, call by call."""
    pipe = load("diffusers").resident(parse("diffusers", {"source": {"folder": folder}})).pipe
    network, said = (pipe.unet if getattr(pipe, "unet", None) else pipe.transformer), []
    original = type(network).forward

    @wraps(original)
    def forward(self, *args, **kwargs):
        said.append(inspect.signature(original).bind(self, *args, **kwargs).arguments[name])
        return original(self, *args, **kwargs)

    monkeypatch.setattr(type(network), "forward", forward)
    return said


def test_only_the_guided_half_is_annealed_and_late_steps_are_not(stable_diffusion, monkeypatch):
    said = heard(monkeypatch, stable_diffusion, "encoder_hidden_states")
    frames(stable_diffusion)
    plain = [one.clone() for one in said]
    said.clear()
    frames(stable_diffusion, modifiers=[STRONG["cads"]])
    assert len(said) == len(plain) == 5
    assert all((one[0] == other[0]).all() for one, other in zip(plain, said, strict=True))
    annealed = [bool((one[1] != other[1]).any()) for one, other in zip(plain, said, strict=True)]
    assert annealed == [True, True, False, False, False]  # at the times 0.801, 0.601, 0.401, 0.201 and 0.001


def test_guided_and_unguided_calls_apart_are_annealed_in_the_guided_one(wan, monkeypatch):
    said = heard(monkeypatch, wan, "encoder_hidden_states")
    frames(wan, frames=9, steps=2, extra={"max_sequence_length": 16})
    plain = [one.clone() for one in said]
    said.clear()
    frames(wan, frames=9, steps=2, extra={"max_sequence_length": 16}, modifiers=[STRONG["cads"]])
    annealed = [bool((one != other).any()) for one, other in zip(plain, said, strict=True)]
    assert annealed[:2] == [True, False]


def test_epsilon_is_divided_by_scale_and_slope(stable_diffusion):
    from generators.pipeline_settings import EpsilonScaling
    from generators.sampling import Course, ScaledEpsilon

    pipe = load("diffusers").resident(parse("diffusers", {"source": {"folder": stable_diffusion}})).pipe
    variant = ScaledEpsilon(EpsilonScaling(kind="epsilon-scaling", scale=1.25, slope=0.75), pipe.scheduler)
    course = Course(pipe.scheduler, lambda done: None, 1)
    assert variant.predicted(course, torch.tensor([5.0])).item() == 4
    course.step = 1
    assert variant.predicted(course, torch.tensor([5.0])).item() == 2.5


@pytest.mark.parametrize("name", ["epsilon-scaling", "time-shift", "freeu"])
def test_variants_for_noise_predicting_models_are_refused_for_flows(wan, name):
    with pytest.raises(GeneratorError, match=f"{name}: .*leave it out"):
        frames(wan, frames=9, extra={"max_sequence_length": 16}, modifiers=[STRONG[name]])


def test_the_shifted_time_is_the_one_whose_noise_has_the_samples_variance():
    from generators.sampling import fitting_time

    kept = torch.linspace(0.9, 0.0, 10)  # 1 − ᾱ = 0.1, 0.2, …, 1.0
    assert fitting_time(0.42, kept, now=5, window=4) == 3
    assert fitting_time(0.42, kept, now=5, window=2) == 4
    assert fitting_time(9.0, kept, now=5, window=4) == 7
    assert fitting_time(9.0, kept, now=5, window=0) == 5
    assert fitting_time(9.0, kept, now=9, window=8) == 9


def test_the_denoiser_is_told_the_shifted_time_until_the_end_draws_near(stable_diffusion, monkeypatch):
    said = heard(monkeypatch, stable_diffusion, "timestep")
    frames(stable_diffusion)
    plain = [int(one) for one in said]
    said.clear()
    frames(stable_diffusion, modifiers=[{"kind": "time-shift", "window": 100, "until": 300}])
    shifts = [int(one) - other for one, other in zip(said, plain, strict=True)]
    assert plain == [801, 601, 401, 201, 1]
    assert shifts[0] == shifts[3] == shifts[4] == 0
    assert any(shifts[1:3])
    assert all(abs(shift) <= 50 for shift in shifts)


def test_guidance_over_all_steps_is_guidance_and_over_none_is_none(stable_diffusion):
    guided, plain = (frames(stable_diffusion, guidance={"scale": scale}) for scale in (6, 1))
    whole, none, half = (
        frames(stable_diffusion, guidance={"scale": 6, "interval": interval}) for interval in ([0, 1], [0, 0], [0, 0.5])
    )
    assert (whole == guided).all()
    assert np.abs(none.astype(int) - plain.astype(int)).max() <= 1  # a batch of two instead of one
    assert (half != guided).any()
    assert (half != plain).any()


def test_guidance_intervals_hold_for_guided_and_unguided_calls_apart(wan):
    common = {"frames": 9, "steps": 2, "extra": {"max_sequence_length": 16}}
    none = frames(wan, guidance={"scale": 6, "interval": [0, 0]}, **common)
    assert np.abs(none.astype(int) - frames(wan, guidance={"scale": 1}, **common).astype(int)).max() <= 1
    whole = frames(wan, guidance={"scale": 6, "interval": [0, 1]}, **common)
    assert (whole == frames(wan, guidance={"scale": 6}, **common)).all()


@pytest.mark.slow
@pytest.mark.parametrize("at", ["first", "last"])
def test_a_corrector_takes_the_first_or_the_last_steps(stable_diffusion, tmp_path, at):
    other = save("sd", tmp_path / "other", seed=9)
    plain = frames(stable_diffusion)
    same = {"kind": "corrector", "at": at, "folder": f"{stable_diffusion}/unet"}
    assert (frames(stable_diffusion, modifiers=[same]) == plain).all()
    one = frames(stable_diffusion, modifiers=[same | {"folder": f"{other}/unet"}])
    assert (one != plain).any()
    all_steps = frames(stable_diffusion, modifiers=[same | {"folder": f"{other}/unet", "steps": 5}])
    assert (one != all_steps).any()


@pytest.mark.slow
def test_a_corrector_for_all_steps_is_the_other_models_denoiser(stable_diffusion, tmp_path):
    from diffusers import DiffusionPipeline

    other = save("sd", tmp_path / "other", seed=9)
    pipe = DiffusionPipeline.from_pretrained(stable_diffusion)
    pipe.unet = DiffusionPipeline.from_pretrained(other).unet
    pipe.save_pretrained(tmp_path / "mixed")
    corrector = {"kind": "corrector", "at": "first", "steps": 5, "folder": f"{other}/unet"}
    assert (frames(stable_diffusion, modifiers=[corrector]) == frames(str(tmp_path / "mixed"))).all()


@pytest.fixture(scope="module")
def adapter(stable_diffusion, tmp_path_factory):
    from diffusers import DiffusionPipeline
    from diffusers.utils import convert_state_dict_to_diffusers
    from peft import LoraConfig
    from peft.utils import get_peft_model_state_dict

    folder = tmp_path_factory.mktemp("adapter")
    pipe = DiffusionPipeline.from_pretrained(stable_diffusion)
    torch.manual_seed(0)
    pipe.unet.add_adapter(LoraConfig(r=2, target_modules=["to_q", "to_v"], init_lora_weights=False))
    weights = convert_state_dict_to_diffusers(get_peft_model_state_dict(pipe.unet))
    pipe.save_lora_weights(folder, unet_lora_layers=weights, safe_serialization=True)
    return str(folder)


def test_an_adapter_at_scale_zero_is_the_bare_checkpoint(stable_diffusion, adapter):
    plain = frames(stable_diffusion)
    assert (frames(stable_diffusion, adapters=[{"folder": adapter, "scale": 0}]) == plain).all()
    half, full = (frames(stable_diffusion, adapters=[{"folder": adapter, "scale": scale}]) for scale in (0.5, 1))
    assert (full != plain).any()
    assert (half != full).any()


def test_a_missing_adapter_and_a_pipeline_without_adapters_are_told(stable_diffusion, tmp_path, adapter):
    with pytest.raises(GeneratorError, match="there is no such adapter file"):
        frames(stable_diffusion, adapters=[{"folder": str(tmp_path)}])
    latte = save("latte", tmp_path / "latte")
    with pytest.raises(GeneratorError, match="LattePipeline takes no LoRA adapters"):
        frames(latte, frames=4, adapters=[{"folder": adapter}])


@pytest.mark.parametrize(
    ("method", "scheduler"), [("lcm", "LCMScheduler"), pytest.param("tcd", "TCDScheduler", marks=pytest.mark.slow)]
)
def test_a_distilled_adapter_brings_scheduler_steps_and_no_guidance(stable_diffusion, adapter, method, scheduler):
    distilled = {"kind": "distilled", "method": method, "adapter": {"folder": adapter}, "steps": 3}
    made = frames(stable_diffusion, scheduler={}, modifiers=[distilled])
    written = {"scheduler": {"name": scheduler, "steps": 3}, "guidance": {"scale": 1}}
    spelt = frames(stable_diffusion, adapters=[{"folder": adapter}], **written)
    assert (made == spelt).all()


def test_a_table_of_steps_is_what_its_paper_printed(stable_diffusion):
    steps = [999, 850, 736, 645, 545, 455, 343, 233, 124, 24]
    table = frames(stable_diffusion, scheduler={"name": "DPMSolverMultistepScheduler", "table": "align-your-steps-sd"})
    spelt = frames(stable_diffusion, scheduler={"name": "DPMSolverMultistepScheduler", "timesteps": steps})
    assert (table == spelt).all()


def test_the_tables_are_those_that_were_published():
    """https://research.nvidia.com/labs/toronto-ai/AlignYourSteps/howto.html; the last step ends at noise 0 here."""
    from generators.pipeline_settings import Scheduler
    from generators.schedulers import from_table

    xl = from_table(Scheduler(table="align-your-steps-sdxl"))
    assert xl.timesteps == (999, 845, 730, 587, 443, 310, 193, 116, 53, 13)
    video = from_table(Scheduler(table="align-your-steps-svd"))
    assert video.sigmas == (700.0, 54.5, 15.886, 7.977, 4.248, 1.789, 0.981, 0.403, 0.173, 0.034, 0.0)


def test_explicit_sigmas_reach_a_pipeline_whose_call_has_no_argument_for_them(wan):
    common = {"frames": 9, "extra": {"max_sequence_length": 16}}
    sigmas = {"name": "FlowMatchEulerDiscreteScheduler", "options": {"shift": 1.0}, "sigmas": [1.0, 0.5]}
    plain = {"name": "FlowMatchEulerDiscreteScheduler", "options": {"shift": 1.0}, "steps": 2}
    made = frames(wan, scheduler=sigmas, **common)
    assert (made != frames(wan, scheduler=plain, **common)).any()
    with pytest.raises(GeneratorError, match="takes no explicit timesteps"):
        frames(wan, scheduler={"timesteps": [900, 500]}, **common)


@pytest.mark.slow
def test_float8_weights_are_another_contender_that_runs(stable_diffusion):
    quantised = frames(stable_diffusion, runtime={"quantisation": {"backend": "float8"}})
    assert (quantised != frames(stable_diffusion)).any()
