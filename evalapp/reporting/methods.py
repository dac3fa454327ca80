"""The methods text of a report, from what its snapshot holds: a sentence for each thing that was done, and no other."""

from collections.abc import Mapping
from typing import Any

from evalapp.comparisons.models import FEWEST_ASSESSORS, FEWEST_PROMPTS, SIDES_FIXED
from evalapp.reporting.reasons import DRAWS, SEED
from evalapp.reporting.scales import PRIOR
from evalapp.reporting.sections import SIDES_UNKNOWN
from evalapp.reporting.wording import said

FEW_TASTES = 30
"""With so many assessors or fewer a taste of one in ten may be nobody's among them (docs/coverage.md)."""


def methods(snapshot: Mapping[str, Any], closed: bool) -> list[str]:
    """What was done, in sentences that can be cited."""
    return [*_counted(snapshot), *_intervals(snapshot, closed), *_beside(snapshot)]


def _counted(snapshot: Mapping[str, Any]) -> list[str]:
    told: list[str] = [
        said(
            "A win rate is the mean over prompts of the share of votes for the contender named first; a tie counts "
            "half."
        ),
        *(
            [said("“Both bad” is an answer of its own: it counts as a tie, and how many ties said so is shown.")]
            if snapshot["comparison"]["ask_both_bad"]
            else []
        ),
        *(
            [
                said(
                    "Assessors said how strong each preference is; win rates count all alike. The line weighed by "
                    "strength counts the strongest preference in full, a weaker one by its share of that, a tie as "
                    "half."
                )
            ]
            if snapshot["comparison"]["ask_strength"]
            else []
        ),
        *(
            [
                said(
                    "The votes were made from absolute ratings: where one assessor rated two contenders on the same "
                    "prompt, seed and aspect, the higher rating wins and equal ones tie; different assessors' ratings "
                    "are not compared."
                )
            ]
            if snapshot["counts"]["from_ratings"]
            else []
        ),
        said("Only the last answer counts where an assessor corrected one."),
    ]
    if excluded := snapshot["exclusions"]["excluded"]:
        told.append(
            said(
                "Votes of excluded assessors ({k}) are left out: {n}; verdicts are also shown with everyone counted.",
                n=snapshot["exclusions"]["votes"],
                k=len({each["assessor"] for each in excluded}),
            )
        )
    elif not snapshot["exploratory"]:
        told.append(said("No assessor's votes are left out."))
    if simulated := snapshot["counts"]["simulated_votes"]:
        told.append(said("{n} of {all} votes were cast by programs.", n=simulated, all=snapshot["counts"]["votes"]))
    return told


def _intervals(snapshot: Mapping[str, Any], closed: bool) -> list[str]:
    told: list[str] = [
        said(
            "Below {prompts} prompts or {assessors} assessors the data are shown and nothing is claimed.",
            prompts=FEWEST_PROMPTS,
            assessors=FEWEST_ASSESSORS,
        )
    ]
    if any(row["sides_fixed"] for row in snapshot["results"]):
        told.append(
            said(
                "Nothing is claimed either of two contenders one of whom stood on the left in more than {most} of 100 "
                "votes.",
                most=round(100 * (1 - SIDES_FIXED)),
            )
        )
    looks = snapshot["looks"]
    if looks:
        told.append(
            said(
                "{looks} looks at each pairing were fixed before launch, on the way to {planned} votes, with the "
                "bounds of O'Brien and Fleming (1979); all pairings share 5 % of false alarms evenly. A pairing is "
                "not handed out any more once a look has decided it.",
                looks=looks["planned_looks"],
                planned=looks["planned_votes"],
            )
        )
    if snapshot["comparison"]["margin"] is not None:
        told.append(
            said(
                "A contender named first counts as no worse where its interval lies above {least} of 100: the margin "
                "was fixed before launch.",
                least=f"{50 - 100 * snapshot['comparison']['margin']:g}",
            )
        )
    if snapshot["exploratory"]:
        return [
            *told,
            said(
                "Exploratory: only votes that pass the filters count; they were chosen after votes were seen, so no "
                "test is shown, and intervals are the wider ones that hold at every look (Waudby-Smith et al., 2021)."
            ),
        ]
    if not closed:
        return [
            *told,
            said(
                "Voting goes on: the live interval holds at every look at once (an asymptotic confidence sequence over "
                "prompts, for these assessors; Waudby-Smith et al., 2021), and no test is shown before voting has "
                "ended."
            ),
        ]
    both = [(row["interval"], row["interval_same_assessors"]) for row in snapshot["results"]]
    if any(two for two, _ in both):
        told.append(
            said(
                "The 95 % interval speaks of new prompts and new assessors: its variance is clustered by prompt and by "
                "assessor (Cameron, Gelbach & Miller, 2011), with a t distribution whose degrees of freedom follow the "
                "smaller number. A second interval speaks of these assessors and new prompts. Both reach at least as "
                "far as Wilson's interval (1927) for as many votes as the variance is worth."
            )
        )
    elif any(one for _, one in both):
        told.append(
            said(
                "The 95 % interval speaks of these assessors and new prompts: its variance is clustered by prompt. One "
                "of new assessors cannot be told from so few."
            )
        )
    if any(two and one and two[1] - two[0] < one[1] - one[0] for two, one in both):
        told.append(
            said(
                "Where the interval for new assessors is the narrower one, assessors differ less from each other than "
                "chance alone would make them: quote the wider of the two to be on the safe side."
            )
        )
    if 1 < (crowd := snapshot["counts"]["assessors"]) <= FEW_TASTES:
        told.append(
            said(
                "{n} assessors may by chance (5 of 100) all lack a taste that {share} of 100 people have. No interval "
                "knows of it: where tastes are contrary, more assessors are needed, not more votes.",
                n=crowd,
                share=round(100 * (1 - 0.05 ** (1 / crowd))),
            )
        )
    if looks:
        told.append(
            said(
                "Intervals and p-values of win rates are repeated ones: they hold over all looks, whichever ended the "
                "voting (Jennison & Turnbull, 2000)."
            )
        )
    if any(row["p_value"] is not None for row in snapshot["results"]):
        told.append(
            said(
                "p-values ask whether neither is preferred; they are adjusted by Holm over the pairings of the "
                "headline aspect and by Benjamini and Hochberg over all others, which are for exploring."
            )
        )
    return told


def _beside(snapshot: Mapping[str, Any]) -> list[str]:
    told: list[str] = []
    bias = snapshot["position_bias"]
    if any(row["left"] is not None for row in bias) or any(
        row["side_corrected"] is not None for row in snapshot["sensitivity"]
    ):
        told.append(
            said(
                "Position bias is the share of decided votes that went to the left side; the side-corrected win rate "
                "is that with both orders equally often, by least squares."
            )
        )
    elif any(row["reason"] == SIDES_UNKNOWN for row in bias):
        told.append(said("Nothing is corrected for sides: there are no votes of which the side is known."))
    if any(row["dawid_skene"] is not None for row in snapshot["sensitivity"]):
        told.append(
            said(
                "Dawid and Skene's win rate (1979) weighs assessors by how reliable they seem, as if each pair had one "
                "true answer; it is told where the interval of Krippendorff's alpha lies above 0."
            )
        )
    known = [each for row in snapshot["agreement"] for each in row["coefficients"]]
    if any(each["name"] == "human_ceiling" and each["estimate"] is not None for each in known):
        told.append(said("The human ceiling is how often one assessor agrees with the majority of the others."))
    if any(each["name"] == "krippendorff_alpha" and each["estimate"] is not None for each in known):
        told.append(
            said(
                "Agreement is Krippendorff's alpha (2004), of choices as names and in their order, and Gwet's AC1 "
                "(2008), of votes on the same pair; their intervals leave out each prompt in turn (jackknife)."
            )
        )
    if any(each["name"] == "self_consistency" for each in known):
        told.append(
            said(
                "Self-consistency is how often an assessor chose the same again on a pair shown with its sides turned; "
                "such repeats count as no vote."
            )
        )
    if any(row["aspects"] for row in snapshot["drivers"]):
        told.append(
            said(
                "Drivers are a fractional logit of the headline choice on the other choices of the same form, with "
                "two-way clustered intervals and Shapley shares of the explained deviance: associations, not causes."
            )
        )
    if snapshot["slices"] or any(snapshot[key]["pairings"] for key in ("found_slices", "found_by_clips")):
        told.append(
            said(
                "Slices are tested first for differing at all, once voting has ended, by dealing them out anew {draws} "
                "times (seed {seed}); the win rate of each is also shown shrunk towards the whole.",
                draws=DRAWS,
                seed=SEED,
            )
        )
    if snapshot["suites"]["pairings"]:
        told.append(
            said(
                "Suites (CheckList, Ribeiro et al., 2020) are told by capability, test and filling. Of an invariance "
                "test stands the greatest distance between two fillings' win rates, held against dealing each group's "
                "prompts out anew over the fillings {draws} times, for these assessors; of a directional one the win "
                "rate with the last filling less that with the first, within groups, clustered by group and by "
                "assessor. p-values are adjusted by Benjamini and Hochberg over all these tests; no sign of a "
                "difference is no proof that there is none.",
                draws=DRAWS,
            )
        )
    if snapshot["found_by_clips"]["pairings"]:
        told.append(
            said(
                "Groups by clips are groups of prompts by hierarchical k-means on the mean features of their clips "
                "({extractor}), contenders alike, made without the votes.",
                extractor=snapshot["found_by_clips"]["source"],
            )
        )
    if snapshot["found_clips"]["groups"]:
        told.append(
            said(
                "Kinds of clips are groups of single clips by hierarchical k-means on their features ({extractor}), "
                "made without the votes; a kind's win rate counts votes between one of its clips and a clip of another "
                "kind.",
                extractor=snapshot["found_clips"]["source"],
            )
        )
    if snapshot["found_slices"]["pairings"]:
        told.append(
            said(
                "Found slices are groups of prompts, and parts of large groups, by hierarchical k-means on their words "
                "(TF-IDF, 20 dimensions; how many, by silhouette), made without the votes. Parts are not tested."
            )
        )
    if any(row["rated"] for row in snapshot["ranking"]):
        told.append(
            said(
                "Rankings are Bradley-Terry strengths with ties as half, on the Elo scale around 1000; a range of "
                "ranks holds every place that the differences leave open after Holm's correction."
            )
        )
    if any(row["p_value"] is not None for row in snapshot["one_scale"]):
        told.append(
            said(
                "Whether one scale fits is tested by the deviance of the Bradley-Terry model against a free win rate "
                "for every pairing, corrected for votes that share prompts and assessors (Rao & Scott, 1984)."
            )
        )
    if snapshot["powered"]:
        told.append(
            said(
                "Win rates with a judge's help (PPI++, Angelopoulos et al., 2023) use its verdicts on all pairs and "
                "people's votes on some; a judge that does not go along with people gets no weight. They enter no "
                "other number."
            )
        )
    told += _scales({row["model"] for row in snapshot["scales"] if row["strengths"]})
    if snapshot["curves"]:
        told.append(
            said(
                "Training curves are win rates against one anchor; gains and slope come from the covariance of all "
                "points together, clustered by prompt and by assessor."
            )
        )
    if any(row["slope"] is not None for row in snapshot["drift"]):
        told.append(
            said(
                "Drift is a least-squares slope around each assessor's own mean; its standard error leaves out each "
                "assessor in turn."
            )
        )
    return told


def _scales(models: set[str]) -> list[str]:
    """Of the models whose strengths stand beside the ranking, those that were fitted."""
    told: list[str] = []
    if "with side" in models:
        told.append(
            said(
                "“With side” adds one term for standing on the left to the Bradley-Terry model, for all pairings alike."
            )
        )
    if "within a group" in models:
        told.append(
            said("“Within a group” fits the Bradley-Terry model to each group of contenders that are on one scale.")
        )
    if "maximum a posteriori" in models:
        told.append(
            said(
                "“Maximum a posteriori” adds a normal prior with a standard deviation of {prior} log-odds, without "
                "which some strengths would be infinite: between groups that no votes link, only the prior speaks.",
                prior=f"{PRIOR:g}",
            )
        )
    if {"davidson", "rao-kupper"} & models:
        told.append(
            said(
                "Davidson's (1970) and Rao and Kupper's (1967) models take ties for an outcome of their own, by "
                "maximum likelihood."
            )
        )
    if {"davidson with side", "rao-kupper with side"} & models:
        told.append(
            said(
                "With side, they too have one term for standing on the left, added to the difference of strengths; as "
                "a factor on the worth of the one on the right (Davidson and Beaver, 1977) it is exp(−term)."
            )
        )
    if "equal length" in models:
        told.append(said("“Equal length” adds the difference of the two clips in seconds to the Bradley-Terry model."))
    if "by tag" in models:
        told.append(said("“By tag” fits the Bradley-Terry model to the votes on the prompts of one tag at a time."))
    return told
