"""What the API says of things: every field is named here, nothing comes along by itself."""

from typing import Any

from rest_framework import serializers

from evalapp.api.authentication import projects_at
from evalapp.api.strict import ProjectField, RulesField
from evalapp.assessing.invitations import SEATS_AT_MOST
from evalapp.assessing.models import Invitation, Vote
from evalapp.catalog.models import Contender, PromptSet
from evalapp.catalog.prompt_lists import LONGEST_PROMPT, SHA256
from evalapp.comparisons.aspects import HOUSE_ASPECTS, HouseAspect, own_aspects
from evalapp.comparisons.forms import LOOKS
from evalapp.comparisons.models import Aspect, Comparison
from evalapp.comparisons.rules import WorkRules
from evalapp.people.projects import MemberInvitation, Membership, Role

MOST_PROMPTS = 100_000
NO_SUCH_SET = "there is no prompt set {}, or not for you"


class Strict(serializers.Serializer):
    """A body in which a key that nobody reads is an error, with the keys that are read."""

    def to_internal_value(self, data: Any) -> Any:
        if isinstance(data, dict) and (unknown := sorted(set(data) - set(self.fields))):
            known = ", ".join(sorted(self.fields))
            raise serializers.ValidationError({name: [f"is not known here; known are: {known}"] for name in unknown})
        return super().to_internal_value(data)


class ComparisonSerializer(serializers.ModelSerializer):
    prompt_set = serializers.CharField(source="prompt_set.__str__")
    url = serializers.HyperlinkedIdentityField("api-comparison", lookup_field="code")
    report = serializers.HyperlinkedIdentityField("api-report", lookup_field="code")

    class Meta:
        model = Comparison
        fields: tuple[str, ...] = (
            *("code", "name", "state", "prompt_set", "seeds", "overlap"),
            *("planned_looks", "planned_votes", "margin", "ask_both_bad", "ask_strength"),
            *("created_at", "opened_at", "closed_at", "url", "report"),
        )
        read_only_fields = fields


class AspectSerializer(serializers.ModelSerializer):
    class Meta:
        model = Aspect
        fields = ("key", "name", "question")
        read_only_fields = fields


class OpenSerializer(Strict):
    """The body of …/open/."""

    leave_out_missing = serializers.BooleanField(default=False)


class VoteSerializer(serializers.ModelSerializer):
    """One vote that counts; first and second as stored, left as the assessor saw it."""

    prompt = serializers.CharField(source="ballot.assignment.pair.prompt.key")
    seed = serializers.IntegerField(source="ballot.assignment.pair.seed")
    first = serializers.CharField(source="ballot.assignment.pair.first.contender.name")
    second = serializers.CharField(source="ballot.assignment.pair.second.contender.name")
    left = serializers.CharField(source="ballot.assignment.left.contender.name")
    assessor = serializers.UUIDField(source="ballot.assignment.participation.assessor.code")
    simulated = serializers.BooleanField(source="ballot.assignment.participation.assessor.simulated")
    aspect = serializers.CharField(source="aspect.key")
    answered_at = serializers.DateTimeField(source="ballot.created_at")
    canary = serializers.SerializerMethodField(help_text="No part of the vote: tells whose export this is.")

    class Meta:
        model = Vote
        fields = (
            *("id", "prompt", "seed", "first", "second", "left"),
            *("assessor", "simulated", "aspect", "choice", "answered_at", "canary"),
        )
        read_only_fields = fields

    def get_canary(self, vote: Vote) -> str:
        return str(self.context["canary"])


class PromptSerializer(Strict):
    key = serializers.CharField(max_length=200, required=False, help_text="Your own id; p001, p002 … where absent.")
    text = serializers.CharField(max_length=LONGEST_PROMPT)
    tags = serializers.ListField(child=serializers.CharField(max_length=100), required=False, max_length=50)
    image = serializers.RegexField(SHA256, required=False, help_text="sha256 of an image that was sent before.")


class NewPromptSetSerializer(Strict):
    """The body that makes a prompt set; one with the same name and prompts is answered as it is."""

    name = serializers.CharField(max_length=200)
    project = ProjectField(required=False)
    prompts = PromptSerializer(many=True, allow_empty=False)

    def validate_prompts(self, prompts: list[Any]) -> list[Any]:
        if len(prompts) > MOST_PROMPTS:
            raise serializers.ValidationError(f"more than {MOST_PROMPTS} prompts")
        return prompts


class PromptSetSerializer(serializers.ModelSerializer):
    id = serializers.IntegerField(source="pk", read_only=True)
    url = serializers.HyperlinkedIdentityField("api-prompt-set", lookup_field="pk", lookup_url_kwarg="number")

    class Meta:
        model = PromptSet
        fields: tuple[str, ...] = ("id", "name", "version", "digest", "created_at", "url")
        read_only_fields = fields


class StoredPromptSerializer(serializers.Serializer):
    key = serializers.CharField()
    text = serializers.CharField()
    tags = serializers.ListField(child=serializers.CharField())
    image = serializers.CharField(help_text="sha256 of its image; empty without one.")


class OnePromptSetSerializer(PromptSetSerializer):
    prompts = StoredPromptSerializer(many=True)

    class Meta(PromptSetSerializer.Meta):
        fields: tuple[str, ...] = (*PromptSetSerializer.Meta.fields, "prompts")
        read_only_fields = fields


class TwoAlikeSerializer(serializers.Serializer):
    first = serializers.CharField(help_text="A prompt's key.")
    second = serializers.CharField()
    cosine = serializers.FloatField()


class AlikeSerializer(serializers.Serializer):
    state = serializers.ChoiceField(choices=["unasked", "asked", "found", "problem"])
    problem = serializers.CharField()
    pairs = TwoAlikeSerializer(many=True)


class ContenderSerializer(serializers.ModelSerializer):
    id = serializers.IntegerField(source="pk", read_only=True)
    checkpoint = serializers.CharField(source="checkpoint.name")
    training = serializers.CharField(source="checkpoint.training", help_text="The run that saved the checkpoint.")
    step = serializers.IntegerField(source="checkpoint.step", allow_null=True, help_text="Training steps.")
    generator = serializers.CharField(source="recipe.generator")
    recipe = serializers.CharField(source="recipe.identity", help_text="sha256 of all that may move a pixel.")
    trial = serializers.DictField(help_text="What trying the recipe told: facts, {failed: why}, or {waits: attempts}.")

    class Meta:
        model = Contender
        fields: tuple[str, ...] = (
            *("id", "name", "checkpoint", "training", "step", "generator", "recipe", "weights", "trial", "created_at"),
        )
        read_only_fields = fields


class RecipeSerializer(Strict):
    generator = serializers.CharField(max_length=50)
    settings = serializers.DictField(default=dict)


class NewContenderSerializer(Strict):
    """The body that registers a contender; registering the same one again changes nothing. Files are hashed meanwhile:
    with `source.sha256` in the recipe they may lie on the workers alone."""

    name = serializers.CharField(max_length=200)
    project = ProjectField(required=False)
    recipe = RecipeSerializer()
    checkpoint = serializers.CharField(default="", allow_blank=True, max_length=500, help_text="Folder or file.")
    hardware = serializers.CharField(default="cpu", max_length=30, help_text="Class of worker, as in gpu.24gb.")


class OwnAspectSerializer(Strict):
    name = serializers.CharField(max_length=100)
    question = serializers.CharField(max_length=200)


class NewComparisonSerializer(Strict):
    """The body that makes a comparison; with `launch` (the default) its clips are queued at once."""

    name = serializers.CharField(max_length=200)
    contenders = serializers.ListField(
        child=serializers.CharField(max_length=200),
        min_length=2,
        max_length=100,
        help_text="Names, in order.",
    )
    prompt_set = serializers.PrimaryKeyRelatedField(
        queryset=PromptSet.objects.all(), error_messages={"does_not_exist": NO_SUCH_SET.format("{pk_value}")}
    )
    seeds = serializers.ListField(
        child=serializers.IntegerField(min_value=0, max_value=2**31 - 1), default=[0], min_length=1, max_length=50
    )
    overlap = serializers.IntegerField(default=3, min_value=1, max_value=100, help_text="Assessors per pair.")
    aspects = serializers.ListField(
        child=serializers.ChoiceField(choices=[aspect.key for aspect in HOUSE_ASPECTS]),
        default=[aspect.key for aspect in HOUSE_ASPECTS],
        max_length=len(HOUSE_ASPECTS),
    )
    own_aspects = OwnAspectSerializer(many=True, default=list, max_length=50)
    instructions = serializers.CharField(default="", allow_blank=True, max_length=10_000)
    length_rule = serializers.ChoiceField(
        choices=Comparison.LengthRule.choices,
        default=Comparison.LengthRule.HOLD,
        help_text="For clips of unequal length.",
    )
    planned_looks = serializers.ChoiceField(
        choices=[0, LOOKS], default=0, help_text="Looks that may decide a pairing early; 0: none."
    )
    planned_votes = serializers.IntegerField(required=False, min_value=LOOKS, max_value=10**9, help_text="Per pairing.")
    margin = serializers.FloatField(required=False, min_value=0.001, max_value=0.499, help_text="Of “no worse”.")
    ask_both_bad = serializers.BooleanField(default=False, help_text="Offer “both bad”, a tie that says more.")
    ask_strength = serializers.BooleanField(default=False, help_text="“A little” or “clearly” on either side.")
    rules = RulesField(required=False, help_text="How assessors are checked and spared.")
    launch = serializers.BooleanField(default=True)

    def validate_own_aspects(self, asked: list[dict[str, str]]) -> list[HouseAspect]:
        try:
            return own_aspects((each["name"], each["question"]) for each in asked)
        except ValueError as clash:
            raise serializers.ValidationError(str(clash)) from clash

    def validate_rules(self, rules: dict[str, Any]) -> WorkRules:
        if unknown := sorted(set(rules) - set(WorkRules.base_fields)):
            known = ", ".join(WorkRules.base_fields)
            raise serializers.ValidationError(f"{', '.join(unknown)}: not known here; known are: {known}")
        read = WorkRules(rules)
        if not read.is_valid():
            raise serializers.ValidationError({name: list(map(str, said)) for name, said in read.errors.items()})
        return read

    def validate_prompt_set(self, prompt_set: PromptSet) -> PromptSet:
        if prompt_set.project_id not in {each.pk for each in projects_at(self.context["request"], Role.ORGANIZER)}:
            raise serializers.ValidationError(NO_SUCH_SET.format(prompt_set.pk))
        return prompt_set

    def validate(self, asked: dict[str, Any]) -> dict[str, Any]:
        names, project = asked["contenders"], asked["prompt_set"].project_id
        here = Contender.objects.filter(name__in=names, project=project)
        found = {contender.name: contender for contender in here}
        if unknown := [name for name in names if name not in found]:
            said = f"no contender is named {', '.join(map(repr, unknown))} in the prompt set's project"
            raise serializers.ValidationError({"contenders": [said]})
        of_house = [aspect for aspect in HOUSE_ASPECTS if aspect.key in asked["aspects"]]
        aspects = [*of_house, *asked.pop("own_aspects")]
        if not aspects:
            raise serializers.ValidationError({"aspects": ["ask about one aspect at least"]})
        return asked | {"contenders": [found[name] for name in names], "aspects": aspects}


class OneComparisonSerializer(ComparisonSerializer):
    """A comparison with its progress, for the documents of the API alone."""

    contenders = serializers.ListField(child=serializers.CharField())
    aspects = AspectSerializer(many=True)
    clips = serializers.DictField(child=serializers.IntegerField(), help_text="How many in each state.")
    pairs = serializers.IntegerField()
    pairs_left_out = serializers.IntegerField()
    places = serializers.IntegerField(help_text="Pairs × overlap.")
    answers = serializers.IntegerField()
    simulated_answers = serializers.IntegerField()
    votes = serializers.IntegerField()
    simulated_votes = serializers.IntegerField()

    class Meta(ComparisonSerializer.Meta):
        fields = (
            *ComparisonSerializer.Meta.fields,
            *("contenders", "aspects", "clips", "pairs", "pairs_left_out", "places"),
            *("answers", "simulated_answers", "votes", "simulated_votes"),
        )
        read_only_fields = fields


class NewInvitationSerializer(Strict):
    """Seats; for a panel also how people go back to it."""

    label = serializers.CharField(default="", allow_blank=True, max_length=100)
    seats = serializers.IntegerField(default=1, min_value=1, max_value=SEATS_AT_MOST)
    quota = serializers.IntegerField(default=0, min_value=0, max_value=100_000, help_text="Pairs for each; 0: all.")
    panel = serializers.ChoiceField(choices=Invitation.Panel.choices, default="", allow_blank=True)
    completion_code = serializers.CharField(default="", allow_blank=True, max_length=100)
    return_url = serializers.CharField(default="", allow_blank=True, max_length=200)
    screened_out_code = serializers.CharField(default="", allow_blank=True, max_length=100)
    screened_out_url = serializers.CharField(default="", allow_blank=True, max_length=200)


class InvitationSerializer(serializers.ModelSerializer):
    link = serializers.CharField(help_text="Send it to the assessor; it is the key to the comparison.")

    class Meta:
        model = Invitation
        fields = ("code", "label", "seats", "taken", "withdrawn", "created_at", "link")
        read_only_fields = fields


class RoleField(serializers.ChoiceField):
    """A role by its name."""

    def __init__(self, **options: Any) -> None:
        super().__init__(choices=[role.name.lower() for role in Role], **options)

    def to_internal_value(self, data: Any) -> Role:
        return Role[str(super().to_internal_value(data)).upper()]

    def to_representation(self, value: Any) -> str:
        return Role(value).name.lower()


class RoleSerializer(Strict):
    role = RoleField()


class MemberSerializer(serializers.ModelSerializer):
    number = serializers.IntegerField(source="pk")
    name = serializers.CharField(source="user.username")
    role = RoleField()

    class Meta:
        model = Membership
        fields = ("number", "name", "role", "created_at")
        read_only_fields = fields


class NewMemberInvitationSerializer(RoleSerializer):
    note = serializers.CharField(default="", allow_blank=True, max_length=100, help_text="Whom it is for.")


class MemberInvitationSerializer(serializers.ModelSerializer):
    role = RoleField()
    link = serializers.CharField(required=False, help_text="Told when it is made, and never again.")

    class Meta:
        model = MemberInvitation
        fields = ("code", "role", "note", "created_by", "created_at", "expires_at", "used_at", "withdrawn_at", "link")
        read_only_fields = fields


class RetrySerializer(Strict):
    reason = serializers.CharField(default="", allow_blank=True, help_text="Those that failed for it; empty: all.")


class RetriedSerializer(serializers.Serializer):
    queued = serializers.IntegerField(help_text="Clips that are rendered again.")


class PrioritySerializer(Strict):
    priority = serializers.IntegerField(min_value=-100, max_value=100, help_text="Higher ones first; 0 is usual.")


class ClipsSerializer(serializers.Serializer):
    clips = serializers.IntegerField(help_text="Clips that the verb changed.")


class AskedSerializer(serializers.Serializer):
    """Whether the newest report counts every vote; if not, a worker has been asked for one that does."""

    current = serializers.BooleanField()
    newest = serializers.IntegerField(allow_null=True, help_text="The number of the newest report so far.")


class MyProjectSerializer(serializers.Serializer):
    """A project that one is in."""

    code = serializers.UUIDField()
    name = serializers.CharField()
    role = serializers.CharField(help_text="viewer, researcher, organizer or admin.")


class MeSerializer(serializers.Serializer):
    """Who asks, and with what."""

    name = serializers.CharField()
    organizer = serializers.BooleanField(help_text="Of one project or more.")
    projects = MyProjectSerializer(many=True)
    token = serializers.CharField(allow_null=True, help_text="The token's name; null for a browser's session.")
    scopes = serializers.ListField(child=serializers.CharField(), allow_null=True)


class ProblemSerializer(serializers.Serializer):
    """An error, as RFC 9457 has it."""

    type = serializers.CharField()
    title = serializers.CharField()
    status = serializers.IntegerField()
    detail = serializers.CharField(required=False)
    errors = serializers.JSONField(required=False, help_text="By field, where the body made no sense.")
