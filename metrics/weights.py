"""Weights by name: which files, their checksums, licence and source; found locally, downloaded only by `fetch`.

Looked for in `folder/NAME/FILE`, then in the hub cache. A file is used only if its checksum is the published one, or,
where its source publishes none, the one recorded when it was first checked here. Only `fetch` downloads anything.
"""

from __future__ import annotations

import hashlib
import json
import urllib.request
from collections.abc import Callable
from dataclasses import dataclass
from difflib import get_close_matches
from importlib.util import find_spec
from pathlib import Path


class WeightsMissing(Exception):
    """A file is not here; the message gives the command that fetches it."""


class WeightsWrong(Exception):
    """A file is here and not the one that is meant."""


@dataclass(frozen=True)
class File:
    """sha256: empty where the source publishes none, its beginning where no more is published; size in bytes, 0 where
    unknown. A name with a star stands for one file or more, as a network's weights in one piece or in several; of
    patterns with a bar between them the first counts that is there.
    """

    name: str
    sha256: str = ""
    size: int = 0


@dataclass(frozen=True)
class Weights:
    """source: "https://…" of the one file, or "hub:OWNER/NAME@REVISION", which keeps its files under their names."""

    files: tuple[File, ...]
    licence: str
    source: str
    use: str


_PIECES = File("model*.safetensors|pytorch_model*.bin")
_NETWORK = (File("config.json"), _PIECES)
_WORDS = (File("vocab.json"), File("merges.txt"))
_SPOKEN = (File("config.json"), File("tokenizer_config.json"), File("tokenizer.json"))
_SPEAKING = (*_SPOKEN, _PIECES)
WEIGHTS: dict[str, Weights] = {
    "inception": Weights(
        (
            File(
                "pt_inception-2015-12-05-6726825d.pth",
                "6726825d0af5f729cebd5821db510b11b1cfad8faad88a03f1befd49fb9129b2",
                95_628_359,
            ),
        ),
        "Apache-2.0",
        "https://github.com/mseitzer/pytorch-fid/releases/download/fid_weights/pt_inception-2015-12-05-6726825d.pth",
        "FID, KID, Inception Score, precision and recall, density and coverage",
    ),
    "i3d": Weights(
        (File("i3d_torchscript.pt", "bec6519f66ea534e953026b4ae2c65553c17bf105611c746d904657e5860a5e2", 51_235_320),),
        "not stated by its source",
        "hub:flateon/FVD-I3D-torchscript@1c2d61711c52571ad617a1063e6fa691b212e184",
        "FVD as StyleGAN-V has it",
    ),
    "videomae": Weights(
        (
            File(
                "mae-g/vit_g_hybrid_pt_1200e_ssv2_ft.pth",
                "5a210a92f035dff30c53b46157b612e7a1a5d3c99700e1b2d71da5c399ca7e70",
                2_023_804_201,
            ),
        ),
        "not stated by its source",
        "hub:OpenGVLab/VideoMAE2@97d119d270aca7a1217fff7f413c0c543eb325d9",
        "content-debiased FVD",
    ),
    "vjepa2": Weights(
        (File("config.json"), File("model.safetensors")),
        "MIT",
        "hub:facebook/vjepa2-vitl-fpc16-256-ssv2@main",
        "the distance of JEDi on V-JEPA 2 features",
    ),
    "clip": Weights(
        (File("config.json"), File("pytorch_model.bin")),
        "MIT",
        "hub:openai/clip-vit-large-patch14-336@ce19dc912ca5cd21c8a653c79e251e808ccabcd1",
        "CMMD",
    ),
    "dinov2": Weights(
        (File("config.json"), File("model.safetensors")),
        "Apache-2.0",
        "hub:facebook/dinov2-large@47b73eefe95e8d44ec3623f8890bd894b6ea2d6c",
        "FD-DINOv2",
    ),
    "raft": Weights(
        (File("raft_large_C_T_V2-1bb1363a.pth", "1bb1363a"),),
        "BSD-3-Clause",
        "https://download.pytorch.org/models/raft_large_C_T_V2-1bb1363a.pth",
        "optical flow: movement, dynamic degree, warping error",
    ),
    "dino": Weights(
        (File("config.json"), File("pytorch_model.bin")),
        "Apache-2.0",
        "hub:facebook/dino-vitb16@main",
        "subject consistency",
    ),
    "siglip": Weights(
        _NETWORK, "Apache-2.0", "hub:google/siglip-so400m-patch14-384@main", "the team's own judge: features"
    ),
    "vgg16": Weights(
        (File("vgg16-397923af.pth", "397923af8e79cdbb6a7127f12361acd7a2f83e06b05044ddf496e83de57a5bf0", 553_433_881),),
        "BSD-3-Clause",
        "https://download.pytorch.org/models/vgg16-397923af.pth",
        "LPIPS: the network",
    ),
    "lpips-vgg": Weights(
        (File("vgg.pth", "a78928a0af1e5f0fcb1f3b9e8f8c3a2a5a3de244d830ad5c1feddc79b8432868", 7_289),),
        "BSD-2-Clause",
        "https://raw.githubusercontent.com/richzhang/PerceptualSimilarity/master/lpips/weights/v0.1/vgg.pth",
        "LPIPS: what its layers count",
    ),
    # What judges run on; none of these sources publishes checksums.
    "clip-b32": Weights(
        (*_NETWORK, *_WORDS), "MIT", "hub:openai/clip-vit-base-patch32@main", "CLIPScore, background consistency"
    ),
    "clip-l14": Weights(_NETWORK, "MIT", "hub:openai/clip-vit-large-patch14@main", "LAION's aesthetic predictor"),
    "clip-h-words": Weights(
        _WORDS, "MIT", "hub:laion/CLIP-ViT-H-14-laion2B-s32B-b79K@main", "the words of PickScore and HPSv2.1"
    ),
    "pickscore": Weights(_NETWORK, "MIT", "hub:yuvalkirstain/PickScore_v1@main", "PickScore"),
    "hpsv2.1": Weights((File("HPS_v2.1_compressed.pt"),), "Apache-2.0", "hub:xswu/HPSv2@main", "HPSv2.1"),
    "laion-aesthetic": Weights(
        (File("sac+logos+ava1-l14-linearMSE.pth"),),
        "Apache-2.0",
        "https://github.com/christophschuhmann/improved-aesthetic-predictor/raw/main/sac+logos+ava1-l14-linearMSE.pth",
        "LAION's aesthetic predictor: its head",
    ),
    "qwen2.5-vl-3b": Weights(
        _SPEAKING, "Qwen research licence, non-commercial", "hub:Qwen/Qwen2.5-VL-3B-Instruct@main", "VQAScore"
    ),
    "qwen2.5-vl-7b": Weights(_SPEAKING, "Apache-2.0", "hub:Qwen/Qwen2.5-VL-7B-Instruct@main", "VQAScore"),
    "qwen3-vl-8b": Weights(_SPEAKING, "Apache-2.0", "hub:Qwen/Qwen3-VL-8B-Instruct@main", "VQAScore"),
    "hpsv3": Weights((File("HPSv3.safetensors"),), "MIT", "hub:MizzenAI/HPSv3@main", "HPSv3"),
    "qwen2-vl-7b-words": Weights(_SPOKEN, "Apache-2.0", "hub:Qwen/Qwen2-VL-7B-Instruct@main", "the words of HPSv3"),
    "videoreward": Weights(
        (File("model_config.json"), File("checkpoint-*/model.pth")),
        "MIT",
        "hub:KwaiVGI/VideoReward@main",
        "VideoReward",
    ),
    "qwen2-vl-2b-words": Weights(
        _SPOKEN, "Apache-2.0", "hub:Qwen/Qwen2-VL-2B-Instruct@main", "the words of VideoReward"
    ),
    "llava-1.5-7b": Weights(_SPEAKING, "Llama 2 community licence", "hub:llava-hf/llava-1.5-7b-hf@main", "VQAScore"),
    "blip2-itm": Weights(_SPEAKING, "MIT", "hub:Salesforce/blip2-itm-vit-g@main", "BLIP-2 matching"),
    "imagereward": Weights(
        (File("ImageReward.pt"), File("med_config.json")), "Apache-2.0", "hub:THUDM/ImageReward@main", "ImageReward"
    ),
    "bert-words": Weights(
        (File("vocab.txt"),), "Apache-2.0", "hub:google-bert/bert-base-uncased@main", "the words of ImageReward"
    ),
    "videoscore": Weights((*_SPOKEN, File("model*.safetensors")), "MIT", "hub:TIGER-Lab/VideoScore@main", "VideoScore"),
    "videoscore-v1.1": Weights(
        (*_SPOKEN, File("model*.safetensors")), "MIT", "hub:TIGER-Lab/VideoScore-v1.1@main", "VideoScore"
    ),
    "videoscore2": Weights(_SPEAKING, "not stated by its source", "hub:TIGER-Lab/VideoScore2@main", "VideoScore2"),
    **{
        f"unifiedreward-{size}": Weights(
            _SPEAKING, "MIT", f"hub:CodeGoat24/UnifiedReward-2.0-qwen3vl-{size}@main", "UnifiedReward 2.0"
        )
        for size in ("2b", "4b", "8b", "32b")
    },
}


@dataclass(frozen=True)
class Found:
    """paths: by file name; sha256: of the one file, or of all checksums in order."""

    paths: dict[str, Path]
    sha256: str


def named(name: str) -> Weights:
    """Raises KeyError naming the nearest ones."""
    if name not in WEIGHTS:
        raise KeyError(
            f"no weights are called {name!r}; known: {', '.join(get_close_matches(name, WEIGHTS) or WEIGHTS)}"
        )
    return WEIGHTS[name]


def find(name: str, folder: Path) -> Found:
    """The files of these weights, every checksum looked at. Raises WeightsMissing and WeightsWrong."""
    paths, sums = {}, []
    for wanted in named(name).files:
        if not _places(name, wanted, folder):
            raise WeightsMissing(
                f"{name}: {wanted.name} is neither in {folder / name} nor in the hub cache; get it with "
                f"`manage.py weights fetch {name}` ({named(name).licence}, {named(name).source})"
            )
    for file, path in _all_places(name, folder):
        known = file.sha256 or _kept(folder).get(f"{name}/{file.name}", "")
        if not known:
            raise WeightsWrong(
                f"{name}: its source publishes no checksum of {file.name}; look where the file came from, then record "
                f"it with `manage.py weights check {name}`"
            )
        paths[file.name] = path
        sums.append(_compare(name, file.name, path, known, folder))
    return Found(paths, sums[0] if len(sums) == 1 else hashlib.sha256(" ".join(sums).encode()).hexdigest())


def check(name: str, folder: Path) -> Found:
    """As `find`, after recording checksums that nobody published and nobody recorded yet."""
    for file, path in _all_places(name, folder):
        if not file.sha256 and f"{name}/{file.name}" not in _kept(folder):
            _keep(folder, f"{name}/{file.name}", _sha256(path))
    return find(name, folder)


def fetch(name: str, folder: Path, told: Callable[[str], object] = lambda _: None) -> Found:
    """Download what is missing into the folder. Raises WeightsWrong for a file that is not the one published,
    WeightsMissing and OSError where it cannot be had. A download that was cut short begins again."""
    weights = named(name)
    for file in weights.files:
        if _places(name, file, folder):
            continue
        target = folder / name / file.name
        target.parent.mkdir(parents=True, exist_ok=True)
        told(f"{name}: fetching {file.name} from {weights.source}")
        if weights.source.startswith("hub:"):
            if find_spec("huggingface_hub") is None:
                raise WeightsMissing(f"{name}: fetching from the hub needs huggingface_hub: run `make models`")
            from huggingface_hub import hf_hub_download, snapshot_download

            repository, revision = _hub(weights.source)
            if "*" in file.name:
                for pattern in file.name.split("|"):
                    if not _places(name, file, folder):
                        snapshot_download(
                            repository, revision=revision, local_dir=folder / name, allow_patterns=[pattern]
                        )
            else:
                hf_hub_download(repository, file.name, revision=revision, local_dir=folder / name)
        else:
            part = target.with_name(target.name + ".part")
            with urllib.request.urlopen(weights.source, timeout=60) as answer, part.open("wb") as copy:
                while block := answer.read(2**20):
                    copy.write(block)
            if not _sha256(part).startswith(file.sha256):
                part.unlink()
                raise WeightsWrong(f"{name}: what {weights.source} gave is not the published file; nothing was kept")
            part.replace(target)
    return check(name, folder)


def _all_places(name: str, folder: Path) -> list[tuple[File, Path]]:
    """Every file that is here, those of a star each under its own name."""
    return [each for file in named(name).files for each in _places(name, file, folder)]


def _places(name: str, file: File, folder: Path) -> list[tuple[File, Path]]:
    if "*" in file.name:
        # All in one folder: the pieces of one network do not come from two places.
        for place in (folder / name, _snapshot(name)):
            for pattern in file.name.split("|") if place else ():
                if place and (found := sorted(place.glob(pattern))):
                    return [(File(path.relative_to(place).as_posix()), path) for path in found]
        return []
    place = _place(name, file, folder)
    return [(file, place)] if place else []


def _snapshot(name: str) -> Path | None:
    """The folder of this revision in the hub cache, known by a file whose name is whole."""
    whole = [file for file in named(name).files if "*" not in file.name]
    found = _cached(name, whole[0].name) if whole else None
    return found.parents[whole[0].name.count("/")] if found else None


def _place(name: str, file: File, folder: Path) -> Path | None:
    here = folder / name / file.name
    return here if here.is_file() else _cached(name, file.name)


def _cached(name: str, file: str) -> Path | None:
    if not named(name).source.startswith("hub:") or find_spec("huggingface_hub") is None:
        return None
    from huggingface_hub import try_to_load_from_cache

    repository, revision = _hub(named(name).source)
    cached = try_to_load_from_cache(repository, file, revision=revision)
    return Path(cached) if isinstance(cached, str) else None


def _hub(source: str) -> tuple[str, str]:
    repository, _, revision = source.removeprefix("hub:").partition("@")
    return repository, revision


def _compare(name: str, file: str, path: Path, known: str, folder: Path) -> str:
    """The file's checksum, which begins as the known one; reckoned once per file, size and time of change."""
    facts = path.stat()
    mark = f"{path.resolve()} {facts.st_size} {facts.st_mtime_ns}"
    seen = _kept(folder).get(mark)
    if seen is None:
        seen = _sha256(path)
        _keep(folder, mark, seen)
    if not seen.startswith(known):
        raise WeightsWrong(
            f"{name}: {path} has the checksum {seen[:12]}…, and {file} is {known[:12]}…; remove it and run "
            f"`manage.py weights fetch {name}`"
        )
    return seen


def _kept(folder: Path) -> dict[str, str]:
    try:
        kept: dict[str, str] = json.loads((folder / "checksums.json").read_text())
    except FileNotFoundError:
        return {}
    return kept


def _keep(folder: Path, key: str, sha256: str) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    part = folder / "checksums.json.part"
    part.write_text(json.dumps(_kept(folder) | {key: sha256}, indent=1, sort_keys=True))
    part.replace(folder / "checksums.json")


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
