"""The network of an emulated Pico W: an access point, and one host that calls the board over TCP.

The board's own network stack (lwIP, in the image) does the rest: it asks for an address, answers ARP and
mDNS, listens. Nothing is lost on the way, but the board may drop a frame that it has no memory for: it is
sent again.
"""

from collections.abc import Callable
from dataclasses import dataclass, field

from rp2040py.external.cyw43 import net
from rp2040py.external.cyw43.nat import GATEWAY_IP, GATEWAY_MAC, GUEST_IP, ArpResponder, DhcpServer

from dexkit.protocol.tables import NET_PORT
from dexkit.sim.radio import Inner, Radio

MDNS_IP, MDNS_MAC, MDNS_PORT = bytes((224, 0, 0, 251)), bytes.fromhex("01005e0000fb"), 5353
#: A segment that the board has not acknowledged for so long is sent again.
AGAIN_US = 300_000
_SEGMENT = 1024
_WINDOW = 16384
_FIRST_PORT = 49152
_MODULUS = 1 << 32


@dataclass
class _Call:
    """One connection: the host's socket, and how far both directions are (TCP, RFC 9293)."""

    line: Inner
    port: int
    first: int  # sequence number of the first of `kept`
    kept: bytearray = field(default_factory=bytearray)  # from the host, not acknowledged
    sent: int = 0  # of `kept`
    expected: int = 0  # sequence number that the board says next
    window: int = 0  # what the board takes
    outbox: bytearray = field(default_factory=bytearray)  # for the host
    open: bool = False
    host_left: bool = False
    board_left: bool = False
    finished: bool = False  # our FIN is out
    moved_us: float = 0.0  # when something was acknowledged or sent again


class Lan:
    """All of the network but the board.

    Parameters
    ----------
    radio
        Who calls, and who asks for names.
    deliver
        Takes a frame for the board.
    """

    def __init__(self, radio: Radio, deliver: Callable[[bytes], None]) -> None:
        self._radio, self._deliver = radio, deliver
        self._arp, self._dhcp = ArpResponder(), DhcpServer()
        self._listener: Inner | None = None
        self._board_mac = b""
        self._calls: dict[int, _Call] = {}
        self._next_port = _FIRST_PORT
        self._now_us = 0.0

    def reset(self) -> None:
        """End all calls: the board has left the network."""
        for call in list(self._calls.values()):
            self._end(call)
        if self._listener:
            self._listener.close()
        self._listener = None

    # ---- From the board

    def handle_outbound_ethernet_frame(self, frame: bytes) -> None:
        """Take a frame from the board."""
        outer = net.parse_ethernet(frame)
        if outer is None:
            return
        self._board_mac = outer.src_mac
        answer = self._arp.maybe_handle(outer) or self._dhcp.maybe_handle(outer)
        if answer:
            self._deliver(answer)
        if outer.ethertype != net.ETHERTYPE_IPV4:
            return
        packet = net.parse_ipv4(outer.payload)
        if packet and packet.proto == net.IP_PROTO_UDP:
            datagram = net.parse_udp(packet.payload)
            if datagram and datagram.src_port == MDNS_PORT:
                self._radio.names.append(datagram.payload)
        elif packet and packet.proto == net.IP_PROTO_TCP:
            segment = net.parse_tcp(packet.payload)
            call = self._calls.get(segment.dst_port) if segment else None
            if segment and call:
                self._heard(call, segment)

    def _heard(self, call: _Call, segment: net.TcpSegment) -> None:
        if segment.flags & net.TCP_RST:
            self._end(call)
            return
        call.window = segment.window
        if segment.flags & net.TCP_SYN:
            call.expected = (segment.seq + 1) % _MODULUS
            if not call.open:
                call.open, call.first = True, segment.ack
            self._say(call, net.TCP_ACK)
            return
        done = (segment.ack - call.first) % _MODULUS
        if 0 < done <= call.sent + call.finished:
            taken = min(done, call.sent)
            del call.kept[:taken]
            call.first, call.sent, call.moved_us = segment.ack, call.sent - taken, self._now_us
        if segment.payload or segment.flags & net.TCP_FIN:
            if segment.seq == call.expected and not call.board_left:
                call.outbox += segment.payload
                call.board_left = bool(segment.flags & net.TCP_FIN)
                call.expected = (segment.seq + len(segment.payload) + call.board_left) % _MODULUS
            self._say(call, net.TCP_ACK)
        self._go_on(call)

    # ---- To the board

    def look(self, now_us: float) -> None:
        """Let hosts come, and carry what they said.

        Parameters
        ----------
        now_us
            The board's time.
        """
        self._now_us = now_us
        while self._radio.queries:
            self._send_udp(self._radio.queries.pop(0))
        if self._board_mac and self._listener is None:
            self._listener = self._radio.new_socket()
            self._listener.bind(("", NET_PORT))
            self._listener.listen(1)
        try:
            line = self._listener.accept()[0] if self._listener else None
        except OSError:
            line = None
        if line:
            call = _Call(line, self._next_port, first=1, moved_us=now_us)
            self._calls[call.port] = call
            self._next_port += 1
            self._call_board(call)
        for call in list(self._calls.values()):
            self._go_on(call)

    def _call_board(self, call: _Call) -> None:
        self._send(call, net.TCP_SYN, (call.first - 1) % _MODULUS, b"", mss=1460)

    def _go_on(self, call: _Call) -> None:
        late = self._now_us - call.moved_us > AGAIN_US
        if late:
            call.moved_us = self._now_us
        if not call.open:
            if late:
                self._call_board(call)
            return
        try:
            self._carry(call)
        except OSError:
            call.host_left = call.board_left = True
            call.outbox.clear()
        if late:
            call.sent, call.finished = 0, False
        while call.sent < min(len(call.kept), call.window):
            part = bytes(call.kept[call.sent : min(call.sent + _SEGMENT, call.window)])
            self._send(call, net.TCP_ACK | net.TCP_PSH, call.first + call.sent, part)
            call.sent += len(part)
        if call.host_left and not call.finished and call.sent == len(call.kept):
            self._say(call, net.TCP_ACK | net.TCP_FIN)
            call.finished = True
        if call.board_left and not call.outbox:
            self._end(call)

    def _carry(self, call: _Call) -> None:
        """Both ways between the host's socket and here."""
        while call.outbox and (taken := call.line.send(bytes(call.outbox))):
            del call.outbox[:taken]
        while not call.host_left and len(call.kept) < _WINDOW:
            data = call.line.receive(_SEGMENT)
            if data is None:
                break
            call.host_left = not data
            call.kept += data

    def _end(self, call: _Call) -> None:
        call.line.close()
        self._calls.pop(call.port, None)

    # ---- Packets

    def _say(self, call: _Call, flags: int) -> None:
        self._send(call, flags, call.first + call.sent, b"")

    def _send(self, call: _Call, flags: int, sequence: int, data: bytes, mss: int | None = None) -> None:
        segment = net.pack_tcp(
            GATEWAY_IP,
            GUEST_IP,
            call.port,
            NET_PORT,
            sequence % _MODULUS,
            call.expected,
            flags,
            max(_WINDOW - len(call.outbox), 0),
            data,
            mss=mss,
        )
        packet = net.pack_ipv4(GATEWAY_IP, GUEST_IP, net.IP_PROTO_TCP, segment)
        self._deliver(net.pack_ethernet(self._board_mac, GATEWAY_MAC, net.ETHERTYPE_IPV4, packet))

    def _send_udp(self, data: bytes) -> None:
        datagram = net.pack_udp(GATEWAY_IP, MDNS_IP, MDNS_PORT, MDNS_PORT, data)
        packet = net.pack_ipv4(GATEWAY_IP, MDNS_IP, net.IP_PROTO_UDP, datagram, ttl=255)
        self._deliver(net.pack_ethernet(MDNS_MAC, GATEWAY_MAC, net.ETHERTYPE_IPV4, packet))
