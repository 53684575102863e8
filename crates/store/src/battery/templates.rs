//! What every store of templates does.

use std::time::Duration;

use gauntlet_model::{
    template::{Control, Linear, Load, Method, ScalingMode, Template, WorkerLossPolicy},
    time::Timestamp,
};

use super::{
    paging::walk,
    samples::{all, name, project, request, template},
};
use crate::{Error, Stores};

async fn inserted(stores: &Stores, template: &Template) {
    let stored = stores.templates.insert(template, None).await;
    assert_eq!(stored.as_ref(), Ok(template));
}

fn next(template: &Template) -> Template {
    let mut next = template.clone();
    next.version += 1;
    next.spec.workers += 1;
    next.updated = Timestamp(template.updated.0 + 1);
    next
}

/// What is read is what was stored.
pub async fn kept_whole(stores: Stores) {
    let mixed = template("acme/web/prod", "mixed");
    inserted(&stores, &mixed).await;
    let read = stores
        .templates
        .get(&mixed.project, &mixed.name, None)
        .await;
    assert_eq!(read, Ok(Some(mixed)));
}

/// A file stays with its version, byte by byte; lists leave it out.
pub async fn sources(stores: Stores) {
    let mut first = template("acme", "mixed");
    first.source = Some("# why: ö \"a\" 'b' \\ $1 50 %\r\n\tname: mixed\n\n".to_owned());
    let bare = next(&first);
    let bare = Template {
        source: None,
        ..bare
    };
    let long = Template {
        source: Some("# é\n".repeat(50_000)),
        ..next(&bare)
    };
    let once = request("k", "one");
    let insert = async || stores.templates.insert(&first, Some(&once)).await;
    assert_eq!(insert().await, Ok(first.clone()));
    for version in [&bare, &long] {
        assert_eq!(stores.templates.append(version).await, Ok(()));
    }
    let (of, called) = (&first.project, &first.name);
    for version in [&first, &bare, &long] {
        let read = stores.templates.get(of, called, Some(version.version));
        assert_eq!(read.await, Ok(Some(version.clone())));
    }
    let newest = stores.templates.get(of, called, None).await;
    assert_eq!(newest, Ok(Some(long.clone())));
    // The same request is answered as it was at first.
    assert_eq!(insert().await, Ok(first.clone()));
    let [first, long] = [first, long].map(|version| Template {
        source: None,
        ..version
    });
    let listed = stores.templates.list(&long.project, all()).await;
    assert_eq!(listed, Ok(vec![long.clone()]));
    let versions = stores.templates.versions(&long.project, &long.name, all());
    assert_eq!(versions.await, Ok(vec![long, bare, first]));
}

/// A name is unique in its project, not beyond.
pub async fn name_taken(stores: Stores) {
    inserted(&stores, &template("acme", "mixed")).await;
    let again = stores
        .templates
        .insert(&template("acme", "mixed"), None)
        .await;
    assert_eq!(
        again,
        Err(Error::AlreadyExists("template acme/mixed".to_owned()))
    );
    inserted(&stores, &template("acme/web", "mixed")).await;
}

/// The same request gives version 1, also when there are newer ones.
pub async fn repeated_request(stores: Stores) {
    let first = template("acme", "mixed");
    let request_one = request("k", "one");
    let insert =
        async |template: &Template| stores.templates.insert(template, Some(&request_one)).await;
    assert_eq!(insert(&first).await, Ok(first.clone()));
    assert_eq!(insert(&template("acme", "mixed")).await, Ok(first.clone()));
    stores
        .templates
        .append(&next(&first))
        .await
        .expect("the next version");
    assert_eq!(insert(&template("acme", "mixed")).await, Ok(first));
    let request_two = request("k", "two");
    let other = stores
        .templates
        .insert(&template("acme", "other"), Some(&request_two))
        .await;
    assert_eq!(other, Err(Error::AlreadyExists(request_two.subject())));
}

/// What is not there is `None`, and an empty list.
pub async fn absent(stores: Stores) {
    let (acme, mixed) = (project("acme"), name("mixed"));
    assert_eq!(stores.templates.get(&acme, &mixed, None).await, Ok(None));
    assert_eq!(stores.templates.get(&acme, &mixed, Some(1)).await, Ok(None));
    assert_eq!(stores.templates.list(&acme, all()).await, Ok(vec![]));
    inserted(&stores, &template("acme", "mixed")).await;
    assert_eq!(stores.templates.get(&acme, &mixed, Some(2)).await, Ok(None));
}

/// Every version stays as it was made; the newest is the one that is listed.
pub async fn versions(stores: Stores) {
    let first = template("acme", "mixed");
    let second = next(&first);
    let third = next(&second);
    inserted(&stores, &first).await;
    assert_eq!(stores.templates.append(&second).await, Ok(()));
    assert_eq!(stores.templates.append(&third).await, Ok(()));
    let get = async |version| {
        stores
            .templates
            .get(&first.project, &first.name, version)
            .await
    };
    assert_eq!(get(Some(1)).await, Ok(Some(first.clone())));
    assert_eq!(get(Some(2)).await, Ok(Some(second)));
    assert_eq!(get(None).await, Ok(Some(third.clone())));
    let listed = stores.templates.list(&first.project, all()).await;
    assert_eq!(listed, Ok(vec![third]));
}

/// A version that is not the next one changes nothing.
pub async fn lost_race(stores: Stores) {
    let first = template("acme", "mixed");
    let second = next(&first);
    inserted(&stores, &first).await;
    stores
        .templates
        .append(&second)
        .await
        .expect("the next version");
    let conflict = Err(Error::Conflict("template acme/mixed".to_owned()));
    let mut other = second.clone();
    other.spec.seed = 5;
    assert_eq!(stores.templates.append(&other).await, conflict);
    other.version = 4;
    assert_eq!(stores.templates.append(&other).await, conflict);
    let read = stores
        .templates
        .get(&first.project, &first.name, None)
        .await;
    assert_eq!(read, Ok(Some(second)));
    let unknown = stores
        .templates
        .append(&next(&template("acme", "unknown")))
        .await;
    assert_eq!(
        unknown,
        Err(Error::Missing("template acme/unknown".to_owned()))
    );
}

/// The variants that the sample's spec does not hold.
pub async fn every_variant(stores: Stores) {
    let mut other = template("acme", "mixed");
    other.spec.load = Load::Concurrency {
        connections: 64,
        think_time: Duration::from_micros(1),
    };
    other.spec.phases.until_steady = None;
    other.spec.worker_loss = WorkerLossPolicy::Replace;
    other.spec.operations.clear();
    other.spec.slos.clear();
    inserted(&stores, &other).await;
    let mut linear = next(&other);
    linear.spec.worker_loss = WorkerLossPolicy::Fail;
    linear.spec.control.scaling.mode = ScalingMode::Auto;
    let search = linear.spec.control.search.as_mut();
    search.expect("the sample searches").method = Method::Linear(Linear {
        increment: 1.0 / 3.0,
        backoffs: 2,
    });
    let mut plain = next(&linear);
    plain.spec.control = Control::default();
    for version in [&linear, &plain] {
        assert_eq!(stores.templates.append(version).await, Ok(()));
    }
    for version in [other, linear, plain] {
        let (of, called) = (&version.project, &version.name);
        let read = stores.templates.get(of, called, Some(version.version));
        assert_eq!(read.await, Ok(Some(version.clone())));
    }
}

/// Seeds use all 64 bits.
pub async fn large_seeds(stores: Stores) {
    for (called, seed) in [("zero", 0), ("middle", 1 << 63), ("largest", u64::MAX)] {
        let mut one = template("acme", called);
        one.spec.seed = seed;
        inserted(&stores, &one).await;
        let read = stores.templates.get(&one.project, &one.name, Some(1)).await;
        assert_eq!(read, Ok(Some(one)));
    }
}

/// A list holds the project and what is below it, by project and name.
pub async fn listed_by_project_and_name(stores: Stores) {
    let key = |one: &Template| (one.project.clone(), one.name.clone());
    let places = [
        ("acme", "b"),
        ("acme", "b-c"),
        ("acme", "b1"),
        ("acme/web", "a"),
        ("acme/web", "c"),
    ];
    let sorted: Vec<Template> = places
        .iter()
        .map(|(of, called)| template(of, called))
        .collect();
    for one in sorted.iter().rev() {
        inserted(&stores, one).await;
    }
    for of in ["acm", "acme-x", "acme0", "acmeweb"] {
        inserted(&stores, &template(of, "b")).await;
    }
    let acme = project("acme");
    for limit in [1, 2, 5, 6] {
        let list = |page| stores.templates.list(&acme, page);
        assert_eq!(walk(limit, key, list, async |_| ()).await, sorted);
    }
}

/// All versions of one template, newest first, page by page.
pub async fn listed_versions(stores: Stores) {
    let mut newest = template("acme", "mixed");
    inserted(&stores, &newest).await;
    inserted(&stores, &template("acme", "mixed-2")).await;
    let mut versions = vec![newest.clone()];
    for _ in 0..6 {
        newest = next(&newest);
        let stored = stores.templates.append(&newest).await;
        stored.expect("the next version");
        versions.insert(0, newest.clone());
    }
    let key = |one: &Template| one.version;
    for limit in [1, 3, 7, 8] {
        let list = |page| {
            stores
                .templates
                .versions(&newest.project, &newest.name, page)
        };
        assert_eq!(walk(limit, key, list, async |_| ()).await, versions);
    }
    let no = name("no");
    let unknown = stores.templates.versions(&newest.project, &no, all());
    assert_eq!(unknown.await, Ok(vec![]));
}

/// A template that is removed is gone with all versions, and its name is free.
pub async fn removed(stores: Stores) {
    let first = template("acme", "mixed");
    let delete = async || stores.templates.delete(&first.project, &first.name).await;
    let missing = Err(Error::Missing("template acme/mixed".to_owned()));
    assert_eq!(delete().await, missing);
    inserted(&stores, &first).await;
    let second = stores.templates.append(&next(&first)).await;
    second.expect("the next version");
    assert_eq!(delete().await, Ok(()));
    for version in [None, Some(1), Some(2)] {
        let read = stores.templates.get(&first.project, &first.name, version);
        assert_eq!(read.await, Ok(None));
    }
    assert_eq!(delete().await, missing);
    inserted(&stores, &template("acme", "mixed")).await;
    let versions = stores
        .templates
        .versions(&first.project, &first.name, all());
    assert_eq!(versions.await.map(|all| all.len()), Ok(1));
}
