//! An observer gets the facts of calls that it wants, and a pick names the service of a call that is not
//! sent ([gRFC A89](https://github.com/grpc/proposal/blob/master/A89-backend-service-metric-label.md)).

use std::sync::Arc;

use h2::server::Builder;
use trunkline_channel::{
    AttemptEnded, AttemptSent, AttemptStarted, CallEnded, CallStarted, CallTrace, Interests,
    Observer,
};
use trunkline_lb::{AttemptTracker, Pick, PickRequest, Picker};
use trunkline_runtime::Lock;
use trunkline_sim::Sim;
use trunkline_status::{Code, Status};

use crate::policy::{TEST_POLICY, TestPolicyFactory};
use crate::world::{address, builder, echo, serve, unary, unary_within};

type Names = Arc<Lock<Vec<&'static str>>>;

/// Logs the names of the facts that it gets.
#[derive(Clone, Debug)]
struct Named {
    wants: Interests,
    seen: Names,
}

impl Named {
    fn see(&self, name: &'static str) {
        self.seen.lock().push(name);
    }
}

impl Observer for Named {
    fn interests(&self) -> Interests {
        self.wants
    }

    fn observes_calls(&self) -> bool {
        self.see("asked");
        true
    }

    fn call_started(&self, _: &CallStarted<'_>) {
        self.see("call started");
    }

    fn trace_call(&self, _: &CallStarted<'_>) -> Option<Box<dyn CallTrace>> {
        self.see("trace");
        None
    }

    fn attempt_started(&self, _: &AttemptStarted<'_>) {
        self.see("attempt started");
    }

    fn attempt_sent(&self, _: &AttemptSent<'_>) {
        self.see("attempt sent");
    }

    fn attempt_ended(&self, _: &AttemptEnded<'_>) {
        self.see("attempt ended");
    }

    fn call_ended(&self, _: &CallEnded<'_>) {
        self.see("call ended");
    }
}

/// Each fact comes to the observers that want it, and to no other one of the same channel.
#[test]
fn observers_get_what_they_want() {
    let none = Interests::NONE;
    let expected: [(Interests, &[&str]); 8] = [
        (none, &[]),
        (none.with_call_started(true), &["asked", "call started"]),
        (none.with_traces(true), &["asked", "trace"]),
        (
            none.with_attempt_started(true),
            &["asked", "attempt started"],
        ),
        (none.with_attempt_sent(true), &["asked", "attempt sent"]),
        (none.with_attempt_ended(true), &["asked", "attempt ended"]),
        (none.with_call_ended(true), &["asked", "call ended"]),
        (
            Interests::default(),
            &[
                "asked",
                "call started",
                "trace",
                "attempt started",
                "attempt sent",
                "attempt ended",
                "call ended",
            ],
        ),
    ];
    let sim = Sim::new(1);
    serve(&sim, 1, Builder::new(), echo);
    let observers = expected.map(|(wants, _)| Named {
        wants,
        seen: Names::default(),
    });
    let together = builder(&sim, format!("ipv4:{}", address(1)));
    let together = observers
        .iter()
        .cloned()
        .fold(together, |builder, own| builder.observer(own));
    let together = together.build().expect("a channel");
    let check = |what: &str| {
        for (own, (wants, facts)) in observers.iter().zip(expected) {
            let seen = std::mem::take(&mut *own.seen.lock());
            assert_eq!(seen, facts, "{what}: {wants:?}");
        }
    };
    sim.run(async {
        unary(&together, b"hello").await.expect_ok();
    });
    check("beside others");
    for own in &observers {
        let alone = builder(&sim, format!("ipv4:{}", address(1))).observer(own.clone());
        let alone = alone.build().expect("a channel");
        sim.run(async {
            unary(&alone, b"hello").await.expect_ok();
        });
    }
    check("alone");
}

/// Names a service with each pick, and makes one choice.
#[derive(Debug)]
struct Naming(Pick);

impl Picker for Naming {
    fn pick(&self, request: &PickRequest<'_>) -> Pick {
        request.set_backend_service(&Arc::from("orders-v2"));
        self.0.clone()
    }

    fn tracker(&self) -> Option<&dyn AttemptTracker> {
        None
    }
}

/// Logs the services of the attempts that end.
#[derive(Clone, Debug, Default)]
struct Services(Arc<Lock<Vec<Option<String>>>>);

impl Observer for Services {
    fn attempt_ended(&self, attempt: &AttemptEnded<'_>) {
        assert!(attempt.sent.is_none() && attempt.picked.is_none());
        let service = attempt.backend_service.map(ToString::to_string);
        self.0.lock().push(service);
    }
}

/// "This allows metrics for DEADLINE_EXCEEDED and UNAVAILABLE failures to include a relevant backend
/// service."
#[test]
fn attempts_that_are_not_sent_have_the_service_of_their_last_pick() {
    for (pick, code) in [
        (Pick::Queue, Code::DeadlineExceeded),
        (Pick::Fail(Status::unavailable("down")), Code::Unavailable),
        (Pick::Drop(Status::unavailable("full")), Code::Unavailable),
    ] {
        let sim = Sim::new(1);
        serve(&sim, 1, Builder::new(), echo);
        let services = Services::default();
        let always = pick.clone();
        let policy = TestPolicyFactory::with_picker(move |_| Naming(always.clone()));
        let channel = builder(&sim, format!("ipv4:{}", address(1)))
            .policy(policy)
            .default_service_config(TEST_POLICY)
            .observer(services.clone())
            .build()
            .expect("a channel");
        let ended = sim.run(unary_within(&channel, "500m"));
        ended.expect(code, &[]);
        let named = services.0.lock().clone();
        assert_eq!(named, [Some("orders-v2".to_owned())], "{pick:?}");
    }
}
