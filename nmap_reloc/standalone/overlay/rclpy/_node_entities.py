"""What a node creates and destroys."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial
from typing import TYPE_CHECKING, Any, TypeVar

from rclpy import _arguments, _names
from rclpy._entity import Entity
from rclpy._node_qos import dds_qos, validated
from rclpy.client import Client
from rclpy.constants import S_TO_NS
from rclpy.exceptions import InvalidHandle
from rclpy.guard_condition import GuardCondition
from rclpy.publisher import Publisher
from rclpy.qos import QoSProfile, qos_profile_services_default
from rclpy.service import Service
from rclpy.subscription import Subscription
from rclpy.timer import Rate, Timer
from rclpy.type_support import message_type_name, service_type_name
from rclpy.validate_full_topic_name import validate_full_topic_name
from rclpy.validate_topic_name import validate_topic_name

if TYPE_CHECKING:
    from rclpy.callback_groups import CallbackGroup
    from rclpy.clock import Clock
    from rclpy.context import Context

    from nmap_reloc.standalone.dds import Domain

AnyEntity = TypeVar("AnyEntity", bound=Entity)


class NodeEntities:
    """A mixin of Node."""

    if TYPE_CHECKING:  # what Node provides
        _context: Context
        _domain: Domain
        _namespace: str
        _name: str
        _arguments: tuple[_arguments.Arguments, ...]
        _clock: Clock
        _destroyed: bool
        _rate_group: CallbackGroup
        _default_callback_group: CallbackGroup
        _publishers: list[Publisher]
        _subscriptions: list[Subscription]
        _clients: list[Client]
        _services: list[Service]
        _timers: list[Timer]
        _guards: list[GuardCondition]
        _wake_executor: Callable[[], None]

    @property
    def _key(self) -> tuple[str, str]:
        return self._namespace, self._name

    def resolve_topic_name(self, topic: str, *, only_expand: bool = False) -> str:
        """The full name after expansion and remapping."""
        return self._resolve(topic, "topic", only_expand)

    def resolve_service_name(self, service: str, *, only_expand: bool = False) -> str:
        """The full name after expansion and remapping."""
        return self._resolve(service, "service", only_expand)

    def _resolve(self, name: str, kind: str, only_expand: bool = False) -> str:
        namespace, node = self._key
        is_service = kind == "service"
        validate_topic_name(name, is_service=is_service)
        full = _names.expand(name, node, namespace)
        if not only_expand:
            full = _arguments.remap(self._arguments, kind, full, node, namespace)
        validate_full_topic_name(full, is_service=is_service)
        return full

    def create_publisher(self, msg_type: type[Any], topic: str, qos_profile: QoSProfile | int, *,
                         callback_group: CallbackGroup | None = None,
                         publisher_class: type[Publisher] = Publisher) -> Publisher:
        """qos_profile: also a depth. callback_group is of events, which there are none of here.

        InvalidTopicNameException; AttributeError where msg_type is no message type.
        """
        self._check_alive()
        profile = validated(qos_profile)
        full = self._resolve(topic, "topic")
        writer = self._domain.writer(full, message_type_name(msg_type), dds_qos(profile),
                                     node=self._key)
        publisher = publisher_class(writer, msg_type, full, profile, self._context)
        self._publishers.append(publisher)
        return publisher

    def create_subscription(self, msg_type: type[Any], topic: str, callback: Callable[..., Any],
                            qos_profile: QoSProfile | int, *,
                            callback_group: CallbackGroup | None = None,
                            raw: bool = False) -> Subscription:
        """qos_profile: also a depth. raw: the callback gets the bytes of CDR.

        Of messages that came since the last callback the newest `depth` are kept.
        """
        self._check_alive()
        profile = validated(qos_profile)
        full = self._resolve(topic, "topic")
        qos = dds_qos(profile, partial(self._domain.publishers, full))
        open_reader = partial(self._domain.reader, full, message_type_name(msg_type), qos,
                              node=self._key)
        subscription = Subscription(open_reader, msg_type, full, callback,
                                    callback_group or self._default_callback_group, profile, raw,
                                    qos.depth)
        return self._add(subscription, self._subscriptions)

    def create_client(self, srv_type: type[Any], srv_name: str, *,
                      qos_profile: QoSProfile = qos_profile_services_default,
                      callback_group: CallbackGroup | None = None) -> Client:
        """InvalidServiceNameException; AttributeError where srv_type is no service type."""
        self._check_alive()
        full = self._resolve(srv_name, "service")
        open_client = partial(self._domain.client, full, service_type_name(srv_type),
                              dds_qos(qos_profile), node=self._key)
        client = Client(self._context, open_client, srv_type, full, qos_profile,
                        callback_group or self._default_callback_group)
        return self._add(client, self._clients)

    def create_service(self, srv_type: type[Any], srv_name: str,
                       callback: Callable[[Any, Any], Any], *,
                       qos_profile: QoSProfile = qos_profile_services_default,
                       callback_group: CallbackGroup | None = None) -> Service:
        """callback(request, response) -> response."""
        self._check_alive()
        full = self._resolve(srv_name, "service")
        open_server = partial(self._domain.server, full, service_type_name(srv_type),
                              dds_qos(qos_profile), node=self._key)
        service = Service(open_server, srv_type, full, callback,
                          callback_group or self._default_callback_group, qos_profile)
        return self._add(service, self._services)

    def create_timer(self, timer_period_sec: float, callback: Callable[[], Any] | None,
                     callback_group: CallbackGroup | None = None, clock: Clock | None = None,
                     autostart: bool = True) -> Timer:
        """clock: the node's unless given."""
        self._check_alive()
        timer = Timer(callback, callback_group or self._default_callback_group,
                      int(float(timer_period_sec) * S_TO_NS), clock or self._clock,
                      context=self._context, autostart=autostart)
        return self._add(timer, self._timers)

    def create_guard_condition(self, callback: Callable[[], Any],
                               callback_group: CallbackGroup | None = None) -> GuardCondition:
        """A callback that any thread may ask for."""
        self._check_alive()
        guard = GuardCondition(callback, callback_group or self._default_callback_group,
                               context=self._context)
        return self._add(guard, self._guards)

    def create_rate(self, frequency: float, clock: Clock | None = None) -> Rate:
        """Sleeps at a fixed frequency [Hz], while another thread spins; ValueError."""
        if frequency <= 0:
            raise ValueError("frequency must be > 0")
        timer = self.create_timer(1.0 / frequency, None, self._rate_group, clock)
        return Rate(timer, context=self._context)

    def _check_alive(self) -> None:
        if self._destroyed:
            raise InvalidHandle("cannot use Destroyable because destruction was requested")

    def _add(self, entity: AnyEntity, home: list[AnyEntity]) -> AnyEntity:
        assert entity.callback_group is not None
        entity.callback_group.add_entity(entity)
        entity._wake = self._wake_executor
        home.append(entity)
        self._wake_executor()
        return entity

    def _remove(self, entity: Any, home: list[Any]) -> bool:
        if entity not in home:
            return False
        home.remove(entity)
        entity.destroy()
        self._wake_executor()
        return True

    def destroy_publisher(self, publisher: Publisher) -> bool:
        """False where it is none of this node."""
        return self._remove(publisher, self._publishers)

    def destroy_subscription(self, subscription: Subscription) -> bool:
        """False where it is none of this node."""
        return self._remove(subscription, self._subscriptions)

    def destroy_client(self, client: Client) -> bool:
        """False where it is none of this node."""
        return self._remove(client, self._clients)

    def destroy_service(self, service: Service) -> bool:
        """False where it is none of this node."""
        return self._remove(service, self._services)

    def destroy_timer(self, timer: Timer) -> bool:
        """False where it is none of this node."""
        return self._remove(timer, self._timers)

    def destroy_guard_condition(self, guard: GuardCondition) -> bool:
        """False where it is none of this node."""
        return self._remove(guard, self._guards)

    def destroy_rate(self, rate: Rate) -> bool:
        """Ends its timer, too."""
        rate.destroy()
        return self.destroy_timer(rate._timer)

    def _entities(self) -> Iterator[Entity]:
        """What an executor waits for, in the order of a round."""
        for entities in (self._timers, self._subscriptions, self._guards, self._clients,
                         self._services):
            yield from list(entities)  # other threads may create and destroy meanwhile
