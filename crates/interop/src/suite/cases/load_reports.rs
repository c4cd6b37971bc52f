//! Load reports, in the trailers of a call and out of band.

use std::time::Duration;

use trunkline::lb::LoadReport;

use crate::clock::{LIMIT, now};
use crate::suite::backend_metrics::Reports;
use crate::suite::judge::{Feature, Verdict, same, sized, succeeded};
use crate::suite::proto::{
    ResponseParameters, SimpleRequest, StreamingOutputCallRequest, TestOrcaReport,
};
use crate::suite::stub::Stub;
use crate::wrong::Wrong;

/// The key of a report in the trailers.
const TRAILER: &str = "endpoint-load-metrics-bin";

/// The time between two looks at the newest report.
const BETWEEN_LOOKS: Duration = Duration::from_millis(200);

/// The first report that the suite asks servers for.
fn first() -> LoadReport {
    LoadReport::default()
        .with_cpu_utilization(0.8210)
        .with_mem_utilization(0.5847)
        .with_utilization("util", 0.30499)
}

/// The second report that the suite asks servers for.
fn second() -> LoadReport {
    LoadReport::default()
        .with_cpu_utilization(0.29309)
        .with_mem_utilization(0.2)
        .with_utilization("util", 0.2039)
}

/// A report in the trailers of a unary call reaches the policy.
pub(super) async fn orca_per_rpc(stub: Stub) -> Result<Verdict, Wrong> {
    let reports = Reports::default();
    let stub = stub.with_changed_channel(|builder| reports.of(builder))?;
    let expected = first().with_request_cost("cost", 3456.32);
    let request = SimpleRequest {
        orca_per_query_report: Some(asked(&expected)),
        ..SimpleRequest::default()
    };
    let reply = succeeded("UnaryCall", stub.tests().unary_call(request).await)?;
    if !reply.metadata().contains_key(TRAILER) {
        same("the report", reports.of_last_call(), None)?;
        return Ok(Verdict::ServerLacks(Feature::LoadReports));
    }
    same("the report", reports.of_last_call(), Some(expected))?;
    Ok(Verdict::Passed)
}

/// Two reports out of band reach the policy, one after the other.
pub(super) async fn orca_oob(stub: Stub) -> Result<Verdict, Wrong> {
    let reports = Reports::default();
    let stub = stub.with_changed_channel(|builder| reports.of(builder))?;
    // The server keeps its load for one client at a time while this stream is open.
    let (send, requests) = async_channel::unbounded();
    send.send(asking_for(&first())).await?;
    let call = stub.tests().full_duplex_call(requests).await;
    let mut replies = succeeded("FullDuplexCall", call)?.into_inner();
    for (number, expected) in [first(), second()].into_iter().enumerate() {
        if number > 0 {
            send.send(asking_for(&expected)).await?;
        }
        let reply = succeeded("a response", replies.message().await)?;
        sized(reply.and_then(|reply| reply.payload).as_ref(), 1)?;
        // The whole case has `LIMIT`. Within a third for each of two reports, it can return what it found.
        let limit = now() + LIMIT / 3;
        loop {
            let call = stub.tests().unary_call(SimpleRequest::default()).await;
            succeeded("UnaryCall", call)?;
            if stub.lacks_load_reports() {
                return Ok(Verdict::ServerLacks(Feature::LoadReports));
            }
            let found = reports.of_last_call();
            if found.as_ref() == Some(&expected) {
                break;
            }
            if now() > limit {
                same("the report", found, Some(expected.clone()))?;
            }
            stub.sleep_until(now() + BETWEEN_LOOKS).await;
        }
    }
    drop(send);
    same(
        "the end",
        succeeded("the end", replies.message().await)?,
        None,
    )?;
    Ok(Verdict::Passed)
}

/// Returns a request that makes the server report this out of band.
fn asking_for(report: &LoadReport) -> StreamingOutputCallRequest {
    StreamingOutputCallRequest {
        orca_oob_report: Some(asked(report)),
        response_parameters: vec![ResponseParameters {
            size: 1,
            ..ResponseParameters::default()
        }],
        ..StreamingOutputCallRequest::default()
    }
}

fn asked(report: &LoadReport) -> TestOrcaReport {
    TestOrcaReport {
        cpu_utilization: report.cpu_utilization,
        memory_utilization: report.mem_utilization,
        request_cost: report.request_cost.clone().into_iter().collect(),
        utilization: report.utilization.clone().into_iter().collect(),
    }
}
