//! What every store of targets does.

use gauntlet_model::{
    id::{Name, Project},
    target::{Sealed, Target},
    time::Timestamp,
};

use super::{
    paging::walk,
    samples::{all, file_target, name, project, request, target},
};
use crate::{Error, PasswordChange, Stores};

fn key(target: &Target) -> (Project, Name) {
    (target.project.clone(), target.name.clone())
}

/// What is read is what was stored.
pub async fn kept_whole(stores: Stores) {
    let main = target("acme/web", "main");
    assert_eq!(
        stores.targets.insert(&main, None, None).await,
        Ok(main.clone())
    );
    let read = stores.targets.get(&main.project, &main.name).await;
    assert_eq!(read, Ok(Some(main)));
}

/// A name is unique in its project, not beyond.
pub async fn name_taken(stores: Stores) {
    let main = target("acme", "main");
    stores
        .targets
        .insert(&main, None, None)
        .await
        .expect("a new target");
    let again = stores
        .targets
        .insert(&target("acme", "main"), None, None)
        .await;
    assert_eq!(
        again,
        Err(Error::AlreadyExists("target acme/main".to_owned()))
    );
    let read = stores.targets.get(&main.project, &main.name).await;
    assert_eq!(read, Ok(Some(main)));
    let elsewhere = target("acme/web", "main");
    assert_eq!(
        stores.targets.insert(&elsewhere, None, None).await,
        Ok(elsewhere)
    );
}

/// The same request gives the first result; the same id with other content is refused.
pub async fn repeated_request(stores: Stores) {
    let insert = async |target: &Target, key: &str, fingerprint: &str| {
        let request = request(key, fingerprint);
        stores.targets.insert(target, None, Some(&request)).await
    };
    let first = target("acme", "main");
    assert_eq!(insert(&first, "k", "one").await, Ok(first.clone()));
    assert_eq!(
        insert(&target("acme", "main"), "k", "one").await,
        Ok(first.clone())
    );
    let other = insert(&target("acme", "other"), "k", "two").await;
    assert_eq!(
        other,
        Err(Error::AlreadyExists(request("k", "two").subject()))
    );
    let taken = insert(&target("acme", "main"), "l", "one").await;
    assert_eq!(
        taken,
        Err(Error::AlreadyExists("target acme/main".to_owned()))
    );
    // The refused request left nothing behind.
    let other = target("acme", "other");
    assert_eq!(insert(&other, "l", "two").await, Ok(other));
}

/// What is not there is `None`, and an empty list.
pub async fn absent(stores: Stores) {
    let (acme, main) = (project("acme"), name("main"));
    assert_eq!(stores.targets.get(&acme, &main).await, Ok(None));
    assert_eq!(stores.targets.password(&acme, &main).await, Ok(None));
    assert_eq!(stores.targets.list(&acme, all()).await, Ok(vec![]));
}

/// A password is kept with its target and is nowhere in it.
pub async fn password_apart(stores: Stores) {
    let (with, without) = (target("acme", "with"), target("acme", "without"));
    let sealed = Sealed(vec![0, 255, 39, 92, 0]);
    let stored = stores.targets.insert(&with, Some(&sealed), None).await;
    assert_eq!(stored, Ok(with.clone()));
    stores
        .targets
        .insert(&without, None, None)
        .await
        .expect("a new target");
    let password =
        async |target: &Target| stores.targets.password(&target.project, &target.name).await;
    assert_eq!(password(&with).await, Ok(Some(sealed)));
    assert_eq!(password(&without).await, Ok(None));
    let read = stores.targets.get(&with.project, &with.name).await;
    assert_eq!(read, Ok(Some(with)));
}

/// Every kind of address comes back.
pub async fn every_address(stores: Stores) {
    for one in [target("acme", "server"), file_target("acme", "file")] {
        stores
            .targets
            .insert(&one, None, None)
            .await
            .expect("a new target");
        let read = stores.targets.get(&one.project, &one.name).await;
        assert_eq!(read, Ok(Some(one)));
    }
}

/// A list holds the project and what is below it, by project and name as
/// bytes, and every page goes on where the one before ended.
pub async fn listed_by_project_and_name(stores: Stores) {
    let sorted = [
        ("acme", "a"),
        ("acme", "a-b"),
        ("acme", "a0"),
        ("acme", "ab"),
        ("acme/web", "a"),
        ("acme/web/prod", "a"),
        ("acme/web-2", "a"),
    ];
    let mut sorted: Vec<Target> = sorted
        .iter()
        .map(|(of, called)| target(of, called))
        .collect();
    sorted.sort_by_key(key);
    let beside = ["acm", "acme-x", "acme0", "acmeweb", "other", "web"].map(|of| target(of, "a"));
    for one in sorted.iter().rev().chain(&beside) {
        stores
            .targets
            .insert(one, None, None)
            .await
            .expect("a new target");
    }
    let acme = project("acme");
    for limit in [1, 2, 3, 100] {
        let list = |page| stores.targets.list(&acme, page);
        assert_eq!(walk(limit, key, list, async |_| ()).await, sorted);
    }
    let web = project("acme/web");
    sorted.retain(|one| web.covers(&one.project));
    assert_eq!(stores.targets.list(&web, all()).await, Ok(sorted));
}

/// What was there before a walk is found exactly once, whatever comes meanwhile.
pub async fn listed_while_others_insert(stores: Stores) {
    let before: Vec<Target> = (0..9)
        .map(|index| target("acme", &format!("t{index}-old")))
        .collect();
    for one in &before {
        stores
            .targets
            .insert(one, None, None)
            .await
            .expect("a new target");
    }
    let acme = project("acme");
    let list = |page| stores.targets.list(&acme, page);
    let mut found = walk(2, key, list, async |round| {
        for called in [
            format!("a{round}"),
            format!("t{round}-new"),
            format!("z{round}"),
        ] {
            let one = target("acme", &called);
            stores
                .targets
                .insert(&one, None, None)
                .await
                .expect("a new target");
        }
    })
    .await;
    let keys: Vec<_> = found.iter().map(key).collect();
    assert!(
        keys.is_sorted_by(|one, next| one < next),
        "in order, none twice: {keys:?}"
    );
    found.retain(|one| one.name.as_str().ends_with("-old"));
    assert_eq!(found, before);
}

/// An update changes address, price and password, and nothing else.
pub async fn updated(stores: Stores) {
    let sealed = |byte| Sealed(vec![byte]);
    let first = target("acme", "main");
    let password = sealed(1);
    let insert = stores.targets.insert(&first, Some(&password), None);
    insert.await.expect("a new target");
    let mut now = first.clone();
    let changes = [
        (PasswordChange::Keep, Some(sealed(1))),
        (PasswordChange::Set(sealed(2)), Some(sealed(2))),
        (PasswordChange::Remove, None),
        (PasswordChange::Set(sealed(3)), Some(sealed(3))),
    ];
    for (revision, (change, password)) in (2..).zip(changes) {
        let wanted = Target {
            address: file_target("acme", "main").address,
            price_per_hour: revision as f64 / 2.0,
            created: Timestamp(1),
            ..now.clone()
        };
        let expected = Target {
            created: first.created,
            revision,
            ..wanted.clone()
        };
        let stored = stores.targets.update(&wanted, change).await;
        assert_eq!(stored, Ok(expected.clone()));
        let read = stores.targets.get(&first.project, &first.name).await;
        assert_eq!(read, Ok(Some(expected.clone())));
        let read = stores.targets.password(&first.project, &first.name).await;
        assert_eq!(read, Ok(password));
        now = expected;
    }
}

/// An update or a removal that rests on an older revision changes nothing.
pub async fn lost_race(stores: Stores) {
    let conflict = Error::Conflict("target acme/main".to_owned());
    let first = target("acme", "main");
    let insert = stores.targets.insert(&first, None, None).await;
    insert.expect("a new target");
    let keep = PasswordChange::Keep;
    let second = stores.targets.update(&first, keep.clone()).await;
    let second = second.expect("the first revision is the newest");
    let again = stores.targets.update(&first, keep.clone()).await;
    assert_eq!(again, Err(conflict.clone()));
    let stale = stores.targets.delete(&first.project, &first.name, Some(1));
    assert_eq!(stale.await, Err(conflict));
    let read = stores.targets.get(&first.project, &first.name).await;
    assert_eq!(read, Ok(Some(second)));
    let unknown = stores.targets.update(&target("acme", "main"), keep).await;
    let missing = Error::Missing("target acme/main".to_owned());
    assert_eq!(unknown, Err(missing));
}

/// A target that is removed is gone with its password, and its name is free.
pub async fn removed(stores: Stores) {
    let first = target("acme", "main");
    let delete = async |revision| {
        let targets = &stores.targets;
        targets.delete(&first.project, &first.name, revision).await
    };
    let missing = Err(Error::Missing("target acme/main".to_owned()));
    assert_eq!(delete(None).await, missing);
    for revision in [None, Some(1)] {
        let one = target("acme", "main");
        let password = Sealed(vec![1]);
        let insert = stores.targets.insert(&one, Some(&password), None);
        insert.await.expect("a new target");
        assert_eq!(delete(revision).await, Ok(()));
        let read = stores.targets.get(&one.project, &one.name).await;
        assert_eq!(read, Ok(None));
        let read = stores.targets.password(&one.project, &one.name).await;
        assert_eq!(read, Ok(None));
        assert_eq!(delete(revision).await, missing);
    }
}
