"""Queues of workers: which rest, when, and how much waits. They serve the whole house; voting knows nothing of them."""

from typing import Any

from rest_framework import generics, serializers
from rest_framework.request import Request
from rest_framework.response import Response

from evalapp.api.authentication import MayOrganize, MayOversee
from evalapp.api.base import AtOnce, Problems, checked, filled, told
from evalapp.api.serializers import Strict
from evalapp.api.strict import HourField
from evalapp.generation.models import Clip, Queue
from evalapp.generation.queues import QueueForm, every_queue, give_hours, rest, written
from evalapp.generation.workers import Worker

MOST_COUNTED = 10_000


class WindowSerializer(Strict):
    starts_at = serializers.DateTimeField()
    ends_at = serializers.DateTimeField()
    grams_per_kwh = serializers.FloatField(default=None, allow_null=True, min_value=0, help_text="CO2, if known.")


class SetQueueSerializer(Strict):
    """What is to change; the rest stays."""

    paused = serializers.BooleanField(required=False)
    quiet_from = HourField(required=False, allow_null=True)
    quiet_until = HourField(required=False, allow_null=True)
    windows = WindowSerializer(many=True, required=False, help_text="When alone it works; empty: always.")


class WorkerSerializer(serializers.Serializer):
    name = serializers.CharField(help_text="Host and process, as clips' provenance names it.")
    queues = serializers.ListField(child=serializers.CharField())
    version = serializers.CharField(help_text="Its newest migration, and the hash of its generators.")
    device = serializers.CharField()
    too_large = serializers.ListField(
        child=serializers.CharField(), help_text="Its queues whose names tell more memory than its GPU has."
    )
    seen_at = serializers.DateTimeField()
    heard = serializers.BooleanField(help_text="Whether it told of itself within the last minute.")
    clips = serializers.IntegerField(help_text="That it renders now.")
    stops = serializers.IntegerField(help_text="Cancelled clips that it has in hand until their next step.")
    tries = serializers.BooleanField(help_text="Whether it tries a recipe that was registered.")
    refuses = serializers.ChoiceField(
        ["", "behind", "full"],
        help_text="Why it renders nothing: its code is newer than the database (`lacks`), or its disk is full.",
    )
    lacks = serializers.ListField(child=serializers.CharField(), help_text="Migrations the database has not.")


class QueueSerializer(serializers.Serializer):
    hardware = serializers.CharField()
    paused = serializers.BooleanField()
    rests = serializers.BooleanField(help_text="Now, for whichever reason: nothing new is started.")
    quiet_from = HourField(allow_null=True, help_text="In the house's time zone.")
    quiet_until = HourField(allow_null=True)
    windows = WindowSerializer(many=True)
    waiting = serializers.IntegerField(help_text=f"Clips, counted up to {MOST_COUNTED}.")
    workers = WorkerSerializer(many=True, help_text="That serve it and told of themselves within a day.")


class Queues(Problems, generics.ListAPIView):
    """A queue for each hardware class that a contender asks for, or that has hours of its own."""

    permission_classes = [MayOversee]
    serializer_class = QueueSerializer
    pagination_class = AtOnce

    @told(QueueSerializer(many=True))
    def get(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        return super().get(request, *args, **kwargs)

    def get_queryset(self) -> Any:
        workers = Worker.objects.lately()
        return [_told(queue, workers) for queue in every_queue()]


class OneQueue(Problems):
    """PATCH pauses a queue, lets it go on, or gives it hours."""

    def get_permissions(self) -> list[Any]:
        return [MayOrganize()] if self.request.method == "PATCH" else [MayOversee()]

    @told(QueueSerializer)
    def get(self, request: Request, hardware: str) -> Response:
        return Response(_told(_queue(hardware), Worker.objects.lately()))

    @told(QueueSerializer, request=SetQueueSerializer)
    def patch(self, request: Request, hardware: str) -> Response:
        asked = checked(SetQueueSerializer, request)
        if asked.keys() - {"paused"}:
            queue = _queue(hardware)
            hours = {name: asked.get(name, getattr(queue, name)) for name in ("quiet_from", "quiet_until")}
            lines = [_line(each) for each in asked["windows"]] if "windows" in asked else [written(queue)]
            give_hours(hardware, **filled(QueueForm(hours | {"windows": "\n".join(lines)})))
        if "paused" in asked:
            rest(hardware, asked["paused"])
        return Response(_told(_queue(hardware), Worker.objects.lately()))


def _queue(hardware: str) -> Queue:
    return Queue.objects.filter(hardware=hardware[:30]).first() or Queue(hardware=hardware[:30])


def _line(window: dict[str, Any]) -> str:
    cells = (window["starts_at"].isoformat(), window["ends_at"].isoformat(), window["grams_per_kwh"])
    return ",".join(str(cell) for cell in cells if cell is not None)


def _told(queue: Queue, workers: list[Worker]) -> dict[str, Any]:
    windows = queue.windows.all() if queue.pk else ()
    names = ("starts_at", "ends_at", "grams_per_kwh")
    return {
        **{name: getattr(queue, name) for name in ("hardware", "paused", "quiet_from", "quiet_until")},
        "rests": queue.hardware in Queue.resting(),
        "windows": [{name: getattr(each, name) for name in names} for each in windows],
        "waiting": Clip.objects.waiting(queue.hardware, MOST_COUNTED),
        "workers": WorkerSerializer([each for each in workers if each.serves(queue.hardware)], many=True).data,
    }
