//! Calls and connections, as the front tells them.

use gauntlet_connect::{CallEnd, CallStart, Fault, code_name};
use prometheus_client::{
    encoding::EncodeLabelSet,
    metrics::{counter::Counter, family::Family, gauge::Gauge, histogram::Histogram},
    registry::{Registry, Unit},
};

use super::seconds;

/// What a method is called that no service has.
const UNKNOWN: &str = "unknown";

type Durations = Family<Called, Histogram, fn() -> Histogram>;

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Of {
    method: String,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Open {
    method: String,
    kind: &'static str,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Called {
    method: String,
    protocol: &'static str,
    code: &'static str,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Kind {
    kind: &'static str,
}

/// See the module.
#[derive(Debug)]
pub(super) struct Calls {
    ended: Family<Called, Counter>,
    durations: Durations,
    open: Family<Open, Gauge>,
    faults: Family<Kind, Counter>,
    received: Family<Of, Counter>,
    sent: Family<Of, Counter>,
    connections: Gauge,
    connected: Counter,
}

impl Calls {
    pub(super) fn new() -> Self {
        let faults = Family::default();
        for fault in Fault::ALL {
            let kind = fault.name();
            let _at_0: Counter = faults.get_or_create_owned(&Kind { kind });
        }
        Self {
            ended: Family::default(),
            durations: Family::new_with_constructor(seconds),
            open: Family::default(),
            faults,
            received: Family::default(),
            sent: Family::default(),
            connections: Gauge::default(),
            connected: Counter::default(),
        }
    }

    pub(super) fn register(&self, registry: &mut Registry) {
        registry.register("rpc_calls", "Calls that ended", self.ended.clone());
        registry.register_with_unit(
            "rpc_duration",
            "How long unary calls took",
            Unit::Seconds,
            self.durations.clone(),
        );
        registry.register("rpc_open", "Calls that are open", self.open.clone());
        registry.register(
            "rpc_faults",
            "What peers did wrong and what had to be refused or cut, calls and connections",
            self.faults.clone(),
        );
        registry.register_with_unit(
            "rpc_received",
            "Request messages, as sent",
            Unit::Bytes,
            self.received.clone(),
        );
        registry.register_with_unit(
            "rpc_sent",
            "Response messages, as sent",
            Unit::Bytes,
            self.sent.clone(),
        );
        registry.register(
            "connections",
            "Connections that are open",
            self.connections.clone(),
        );
        registry.register(
            "connections_opened",
            "Connections that were opened",
            self.connected.clone(),
        );
    }

    pub(super) fn started(&self, call: &CallStart<'_>) {
        self.open.get_or_create(&open(call)).inc();
    }

    pub(super) fn ended(&self, call: &CallStart<'_>, end: &CallEnd) {
        self.open.get_or_create(&open(call)).dec();
        let called = Called {
            method: method(call),
            protocol: call.protocol.name(),
            code: code_name(end.code),
        };
        self.ended.get_or_create(&called).inc();
        if !call.streaming {
            let took = end.duration.as_secs_f64();
            self.durations.get_or_create(&called).observe(took);
        }
        let of = Of {
            method: called.method,
        };
        self.received.get_or_create(&of).inc_by(end.bytes_in);
        self.sent.get_or_create(&of).inc_by(end.bytes_out);
    }

    pub(super) fn fault(&self, fault: Fault) {
        let kind = fault.name();
        self.faults.get_or_create(&Kind { kind }).inc();
    }

    pub(super) fn opened(&self) {
        self.connections.inc();
        self.connected.inc();
    }

    pub(super) fn closed(&self) {
        self.connections.dec();
    }

    pub(super) fn connections(&self) -> i64 {
        self.connections.get()
    }
}

fn method(call: &CallStart<'_>) -> String {
    let path = call.method.unwrap_or(UNKNOWN);
    path.trim_start_matches('/').to_owned()
}

fn open(call: &CallStart<'_>) -> Open {
    Open {
        method: method(call),
        kind: if call.streaming { "stream" } else { "unary" },
    }
}
