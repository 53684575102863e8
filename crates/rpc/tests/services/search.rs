//! Runs that look for the highest level, and templates that ask for that.

use gauntlet_api::v1::{self as pb, watch_run_response};
use gauntlet_model::{
    lifecycle::{RunState, StopReason},
    run::Run,
    search::{Current, Figures, Findings, Outcome, Progress, SearchEnd, Step, StepKind, Trial},
    template::Level,
};
use tonic::{Code, Status};
use tonic_types::StatusExt as _;

use crate::{
    made::{self, ended, get, id, measuring, put, second},
    support::{Plane, create_template, spec},
};

fn seconds(seconds: i64) -> prost_types::Duration {
    prost_types::Duration { seconds, nanos: 0 }
}

fn a_step(step: u32, connections: u32, succeeded: u64) -> Step {
    Step {
        trial: Trial {
            step,
            kind: StepKind::Grow,
            level: Level::Concurrency { connections },
        },
        from: second(u64::from(step)),
        to: second(u64::from(step) + 1),
        outcome: Outcome::Passed,
        message: "no stop signal".to_owned(),
        figures: Figures {
            succeeded,
            ..Figures::default()
        },
        transition_us: 0,
    }
}

/// One step is over, the next one is under load.
fn progress() -> Progress {
    Progress {
        steps: vec![a_step(1, 1, 100)],
        current: Some(Current {
            trial: a_step(2, 2, 0).trial,
            begins: second(2),
            from: second(2),
            to: second(3),
        }),
        end: None,
    }
}

async fn searching(plane: &Plane, run: Run, progress: Progress) -> Run {
    let state = RunState {
        search: Some(progress),
        ..run.state.clone()
    };
    put(plane, Run { state, ..run }, &[]).await
}

async fn list(plane: &Plane, run_id: &str) -> Result<Vec<pb::Step>, Status> {
    let run_id = run_id.to_owned();
    let request = pb::ListStepsRequest { run_id };
    let answer = plane.runs().list_steps(request).await?;
    Ok(answer.into_inner().steps)
}

/// Number and operations of each step.
fn shape(steps: &[pb::Step]) -> Vec<(u32, u64)> {
    let steps = steps.iter();
    steps.map(|step| (step.step, step.succeeded)).collect()
}

#[tokio::test]
async fn a_run_without_a_search_has_no_steps() {
    let plane = Plane::ready().await;
    let run = plane.create_run().await;
    assert_eq!(list(&plane, &run.run_id).await.unwrap(), []);
    assert_eq!((run.search, run.queue_position), (None, 0));
}

#[tokio::test]
async fn steps_of_no_run_and_of_nonsense() {
    let plane = Plane::ready().await;
    let unknown = "01890000-0000-7000-8000-000000000000";
    let missing = list(&plane, unknown).await.unwrap_err();
    assert_eq!(missing.code(), Code::NotFound);
    let resource = missing.get_details_resource_info().unwrap();
    assert_eq!(resource.resource_name, unknown);
    for nonsense in ["", "7"] {
        let refused = list(&plane, nonsense).await.unwrap_err();
        assert_eq!(refused.code(), Code::InvalidArgument);
        let details = refused.get_details_bad_request().unwrap();
        assert_eq!(details.field_violations[0].field, "run_id");
    }
}

#[tokio::test]
async fn a_search_is_seen_while_it_goes_on() {
    let plane = Plane::ready().await;
    let run_id = plane.create_run().await.run_id;
    let request = pb::WatchRunRequest {
        run_id: run_id.clone(),
        options: None,
    };
    let run = measuring(&plane, id(&run_id)).await;
    searching(&plane, run, progress()).await;
    assert_eq!(shape(&list(&plane, &run_id).await.unwrap()), [(1, 100)]);

    let watched = plane.runs().watch_run(request).await.unwrap();
    let first = watched.into_inner().message().await.unwrap().unwrap();
    let Some(pb::watch_run_response::Update::Run(seen)) = first.update else {
        panic!("a watch begins with the run, not with {first:?}");
    };
    let search = seen.search.unwrap();
    assert_eq!((search.steps, search.current.unwrap().step), (1, 2));

    let list = pb::ListRunsRequest {
        project: "acme".to_owned(),
        ..pb::ListRunsRequest::default()
    };
    let listed = plane.runs().list_runs(list).await.unwrap().into_inner();
    // Lists stay short.
    assert_eq!(
        (&listed.runs[0].search, &listed.runs[0].spec),
        (&None, &None)
    );
}

#[tokio::test]
async fn the_figures_of_a_report_are_the_better_ones() {
    let plane = Plane::ready().await;
    let run_id = plane.create_run().await.run_id;
    ended(&plane, id(&run_id), StopReason::SearchFinished, 10).await;
    let over = Progress {
        current: None,
        end: Some((SearchEnd::Found, "1 connection holds".to_owned())),
        ..progress()
    };
    let run = get(&plane, id(&run_id)).await;
    let run = searching(&plane, run, over).await;
    // Without a report the run's own must do.
    assert_eq!(shape(&list(&plane, &run_id).await.unwrap()), [(1, 100)]);

    made::judge(&plane, &run, None, true).await;
    let reports = &plane.backend.stores.reports;
    let mut report = reports.get(run.id).await.unwrap().unwrap();
    report.search = Some(Findings {
        end: SearchEnd::Found,
        message: "1 connection holds".to_owned(),
        best: Some(Level::Concurrency { connections: 1 }),
        best_step: 1,
        failed: None,
        steps: vec![a_step(1, 1, 105)],
        fit: Err("one step is too few".to_owned()),
        knee: None,
        knee_message: "one step is too few".to_owned(),
    });
    reports.put(&report).await.unwrap();
    assert_eq!(shape(&list(&plane, &run_id).await.unwrap()), [(1, 105)]);

    let request = pb::GetReportRequest { run_id };
    let answer = plane.runs().get_report(request).await.unwrap().into_inner();
    assert_eq!(
        answer.run.unwrap().stop_reason(),
        pb::StopReason::SearchFinished
    );
    let found = answer.report.unwrap().search.unwrap();
    assert_eq!(found.fit_message, "one step is too few");
    assert_eq!(shape(&found.steps), [(1, 105)]);
}

#[tokio::test]
async fn runs_without_workers_wait_in_the_order_of_their_starts() {
    let plane = Plane::ready().await;
    let mut patient = spec();
    patient.worker_wait = Some(seconds(3_600));
    let create = pb::CreateTemplateRequest {
        spec: Some(patient),
        ..create_template("patient")
    };
    plane.templates().create_template(create).await.unwrap();
    let mut runs = plane.runs();
    let mut started = Vec::new();
    for name in ["one", "two"] {
        let run_id = made::create_named(&plane, "patient", name)
            .await
            .to_string();
        let request = pb::StartRunRequest {
            run_id,
            acknowledged_findings: Vec::new(),
        };
        let answer = runs.start_run(request).await.unwrap().into_inner();
        started.push(answer.run.unwrap());
    }
    let shape = |run: &pb::Run| (run.status(), run.phase(), run.queue_position);
    let waiting = |place| (pb::RunStatus::Starting, pb::RunPhase::Preparing, place);
    assert_eq!(shape(&started[0]), waiting(1));
    assert_eq!(shape(&started[1]), waiting(2));

    let list = pb::ListRunsRequest {
        project: "acme".to_owned(),
        order_by: "name asc".to_owned(),
        ..pb::ListRunsRequest::default()
    };
    let listed = runs.list_runs(list).await.unwrap().into_inner().runs;
    let places: Vec<u32> = listed.iter().map(|run| run.queue_position).collect();
    assert_eq!(places, [1, 2]);

    let watch = pb::WatchRunRequest {
        run_id: started[1].run_id.clone(),
        ..pb::WatchRunRequest::default()
    };
    let mut watched = runs.watch_run(watch).await.unwrap().into_inner();
    let mut place = async || {
        loop {
            let message = watched.message().await.unwrap().expect("it goes on");
            if let Some(watch_run_response::Update::Run(run)) = message.update {
                return (run.queue_position, run.revision);
            }
        }
    };
    assert_eq!(place().await, (2, started[1].revision));

    let abort = pb::AbortRunRequest {
        run_id: started[0].run_id.clone(),
        message: "not needed".to_owned(),
    };
    let aborted = runs.abort_run(abort).await.unwrap().into_inner();
    assert_eq!(aborted.run.unwrap().queue_position, 0);
    let second = plane.get_run(&started[1].run_id).await;
    assert_eq!(shape(&second), waiting(1));
    // Who watches it is told, though nothing else of it has changed.
    assert_eq!(place().await, (1, started[1].revision));
}

/// A description that says something of all that there is to say.
fn whole() -> pb::TemplateSpec {
    let mut whole = spec();
    "hot".clone_into(&mut whole.operations[0].label);
    let phases = whole.phases.as_mut().unwrap();
    phases.warmup = Some(seconds(60));
    phases.measurement = Some(seconds(3_600));
    phases.until_steady = Some(pb::UntilSteady {
        window: Some(seconds(20)),
        tolerance: 0.1,
    });
    whole.slos = vec![pb::Slo {
        limit: Some(pb::slo::Limit::MaxErrorRatio(0.5)),
        label: "hot".to_owned(),
        ..pb::Slo::default()
    }];
    whole.worker_loss = pb::WorkerLossPolicy::Replace.into();
    whole.search = Some(pb::Search {
        method: Some(pb::search::Method::Linear(pb::LinearSearch {
            increment: 2.0,
            backoffs: Some(0),
        })),
        step: Some(seconds(5)),
        settle: Some(seconds(0)),
        confirm: Some(seconds(7)),
        max_level: 100.0,
        max_steps: 9,
        stop: Some(pb::StopSignals {
            max_error_ratio: Some(0.0),
            max_throughput_drop: Some(0.2),
            max_rate_shortfall: Some(0.3),
            max_latency_increase: Some(1.0),
            ..pb::StopSignals::default()
        }),
    });
    whole.scaling = Some(pb::Scaling {
        mode: pb::ScalingMode::Bounded.into(),
        max_workers: 4,
        max_worker_cpu: 0.5,
        patience_s: 2,
    });
    whole.guardrails = Some(pb::Guardrails {
        mode: pb::GuardrailMode::Soft.into(),
        max_queue_ratio: Some(0.5),
        patience_s: 4,
        ..pb::Guardrails::default()
    });
    whole.worker_labels = [("zone".to_owned(), "a".to_owned())].into();
    whole.worker_wait = Some(seconds(30));
    whole.launcher = pb::Launcher::External.into();
    whole.max_clock_uncertainty = Some(seconds(1));
    whole
}

#[tokio::test]
async fn a_template_keeps_all_that_it_says_of_its_control() {
    let plane = Plane::ready().await;
    let given = whole();
    let create = pb::CreateTemplateRequest {
        spec: Some(given.clone()),
        ..create_template("search")
    };
    let made = plane.templates().create_template(create).await.unwrap();
    let kept = made.into_inner().template.unwrap().spec.unwrap();
    assert_eq!(kept.search, given.search);
    assert_eq!(kept.scaling, given.scaling);
    assert_eq!(kept.guardrails, given.guardrails);
    assert_eq!(kept.worker_labels, given.worker_labels);
    assert_eq!(kept.worker_wait, given.worker_wait);
    assert_eq!(kept.launcher, given.launcher);
    assert_eq!(kept.max_clock_uncertainty, given.max_clock_uncertainty);
    assert_eq!(kept.worker_loss, given.worker_loss);
    assert_eq!(kept.operations[0].label, "hot");
    let steady = |spec: &pb::TemplateSpec| spec.phases.as_ref().unwrap().until_steady;
    assert_eq!(steady(&kept), steady(&given));
    let slo = &kept.slos[0];
    assert_eq!((slo.label.as_str(), slo.abort_on_fail), ("hot", false));
    // What was answered can be given again, and says the same.
    let update = pb::UpdateTemplateRequest {
        source: String::new(),
        project: "acme".to_owned(),
        name: "search".to_owned(),
        spec: Some(kept.clone()),
        etag: String::new(),
    };
    let again = plane.templates().update_template(update).await.unwrap();
    assert_eq!(again.into_inner().template.unwrap().spec, Some(kept));
}

#[tokio::test]
async fn each_mistake_of_control_is_named_by_its_path() {
    let plane = Plane::ready().await;
    let mut spec = whole();
    spec.search.as_mut().unwrap().step = Some(seconds(0));
    spec.scaling.as_mut().unwrap().max_workers = 0;
    spec.guardrails.as_mut().unwrap().max_queue_ratio = Some(2.0);
    spec.worker_wait = Some(seconds(-1));
    spec.slos[0].operation = "point-lookup".to_owned();
    spec.phases.as_mut().unwrap().until_steady = Some(pb::UntilSteady {
        window: Some(seconds(1)),
        tolerance: 0.0,
    });
    let request = pb::ValidateTemplateRequest {
        spec: Some(spec),
        project: String::new(),
    };
    let answer = plane.templates().validate_template(request).await;
    let violations = answer.unwrap().into_inner().violations;
    let mut fields: Vec<&str> = violations.iter().map(|one| one.field.as_str()).collect();
    fields.sort_unstable();
    assert_eq!(
        fields,
        [
            "guardrails.max_queue_ratio",
            "phases.until_steady.window",
            "scaling.max_workers",
            "search.step",
            "slos[0].label",
            "worker_wait",
        ]
    );
}
