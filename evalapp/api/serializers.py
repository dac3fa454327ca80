"""What the API says of things: every field is named here, nothing comes along by itself."""

from rest_framework import serializers

from evalapp.assessing.models import Vote
from evalapp.comparisons.models import Aspect, Comparison


class ComparisonSerializer(serializers.ModelSerializer):
    prompt_set = serializers.CharField(source="prompt_set.__str__")
    url = serializers.HyperlinkedIdentityField("api-comparison", lookup_field="code")
    report = serializers.HyperlinkedIdentityField("api-report", lookup_field="code")

    class Meta:
        model = Comparison
        fields = (
            *("code", "name", "state", "prompt_set", "seeds", "overlap"),
            *("created_at", "opened_at", "closed_at", "url", "report"),
        )
        read_only_fields = fields


class AspectSerializer(serializers.ModelSerializer):
    class Meta:
        model = Aspect
        fields = ("key", "name", "question")
        read_only_fields = fields


class OpenSerializer(serializers.Serializer):
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

    class Meta:
        model = Vote
        fields = (
            *("id", "prompt", "seed", "first", "second", "left"),
            *("assessor", "simulated", "aspect", "choice", "answered_at"),
        )
        read_only_fields = fields
