//! What every adapter of a port must do, as functions that any of them can be put through.
//!
//! Each takes a fresh adapter and answers the first thing that is not as it must be. The doubles pass them in unit tests,
//! the AWS adapters against an emulator in the end-to-end tests.

use kaltura::{PartnerId, TaskId};

use crate::live::{Bound, ConnectionId, LiveStream, Role};
use crate::memory::{sample_people_record, sample_record, sample_stream_settings};
use crate::people::{PeopleList, Person, PersonId, WaitingOrder};
use crate::ports::{
    Expected, Gate, GateClosed, Leases, ObjectStore, OrderQueue, PeopleIndex, Sent, SessionStore,
    SharedObjects, Sockets, StagedTask, StreamStore, Stretch, TaskStore,
};
use crate::record::{Duty, RESEND_AFTER_S, Stage, TaskRecord, TaskState};
use crate::session::CachedSession;

/// What did not hold.
pub type Verdict = Result<(), String>;

fn hold(holds: bool, what: &str) -> Verdict {
    if holds {
        Ok(())
    } else {
        Err(format!("does not hold: {what}"))
    }
}

fn text(error: impl std::fmt::Display) -> String {
    error.to_string()
}

/// A task store keeps once, and saves only on the version that was read. `prefix` is digits that no other task id of the store
/// begins with.
pub async fn task_store(store: &dyn TaskStore, prefix: &str) -> Verdict {
    let id = |n: u32| TaskId::parse(format!("{prefix}{n}")).map_err(text);
    let (first, second) = (id(1)?, id(2)?);
    let mut record = sample_record(first.clone());
    hold(
        store.load(&record.task_id).await.map_err(text)?.is_none(),
        "an unknown task has no record",
    )?;
    hold(store.keep(&record).await.map_err(text)?, "a new record is kept")?;
    hold(
        !store.keep(&record).await.map_err(text)?,
        "a second record of the same task is not kept",
    )?;
    hold(
        store.load(&record.task_id).await.map_err(text)?.as_ref() == Some(&record),
        "a record is read as written",
    )?;

    let mut other = sample_record(second.clone());
    other.queue_time_epoch_s = 77;
    store.keep(&other).await.map_err(text)?;
    let mut asked = (1..=230).map(id).collect::<Result<Vec<TaskId>, String>>()?;
    asked.reverse();
    let known = store.known(&asked).await.map_err(text)?;
    hold(known.len() == 2, "of 230 asked, the two with a record are known")?;
    hold(
        known
            .get(&other.task_id)
            .is_some_and(|task| task.queue_time_epoch_s == 77),
        "known tells the queue time",
    )?;
    let found = async |state, limit| store.in_state(state, limit).await.map_err(text);
    let kept = found(TaskState::Kept, 10).await?;
    hold(
        kept.contains(&first) && kept.contains(&second) && found(TaskState::Kept, 1).await?.len() == 1,
        "tasks are found by their state, up to the limit",
    )?;
    hold(
        found(TaskState::LeftAlone, 10).await?.is_empty(),
        "none is found of a state that none is in",
    )?;

    let mut stale = record.clone();
    record.state = TaskState::Queued;
    hold(
        store.save(&mut record).await.map_err(text)?,
        "a record is saved on the version that was read",
    )?;
    hold(record.version == 2, "a save raises the version")?;
    hold(
        !store.save(&mut stale).await.map_err(text)?,
        "a stale record is not saved",
    )?;
    hold(stale.version == 1, "a refused save leaves the version")
}

/// A store's indexes follow its records, whatever becomes of them. The store must hold no other task; `wait` is called before
/// each look at an index, for stores whose indexes lag.
pub async fn task_index(store: &dyn TaskStore, prefix: &str, wait: impl AsyncFn()) -> Verdict {
    let id = |n: u32| TaskId::parse(format!("{prefix}{n}")).map_err(text);
    let (first, second) = (id(1)?, id(2)?);
    let (mut record, mut other) = (sample_record(first.clone()), sample_record(second.clone()));
    for record in [&record, &other] {
        store.keep(record).await.map_err(text)?;
    }
    wait().await;
    let due = async |duty, at_epoch_s, limit| store.due(duty, at_epoch_s, limit).await.map_err(text);
    let ids = async |stage| {
        let staged = store.staged(stage).await.map_err(text)?;
        Ok::<_, String>(staged.into_iter().map(|task| task.task_id).collect::<Vec<_>>())
    };
    let ever = u64::from(u32::MAX);
    hold(
        due(Duty::Send, ever, 10).await?.is_empty(),
        "kept tasks wait for their turn, not for a time",
    )?;
    let waiting = store.staged(Stage::Waiting).await.map_err(text)?;
    hold(
        waiting.contains(&StagedTask::of(&record)) && waiting.contains(&StagedTask::of(&other)),
        "kept tasks wait, and are told with customer and age",
    )?;
    hold(ids(Stage::InFlight).await?.is_empty(), "none is in flight")?;

    record.state = TaskState::Queued;
    record.sent_epoch_s = Some(200);
    store.save(&mut record).await.map_err(text)?;
    wait().await;
    hold(
        ids(Stage::Waiting).await? == [second.clone()] && ids(Stage::InFlight).await? == [first.clone()],
        "a sent task is in flight",
    )?;
    hold(
        due(Duty::Send, 199 + RESEND_AFTER_S, 10).await?.is_empty(),
        "a sent task is not due before its time",
    )?;
    other.park(150, "kaltura is down");
    store.save(&mut other).await.map_err(text)?;
    wait().await;
    hold(
        due(Duty::Send, 200 + RESEND_AFTER_S, 10).await? == [second.clone(), first.clone()],
        "a sent task falls due again, after those due longer",
    )?;
    hold(
        due(Duty::Send, 200 + RESEND_AFTER_S, 1).await? == [second.clone()],
        "a limit of the due is kept",
    )?;
    hold(
        ids(Stage::Waiting).await?.is_empty(),
        "a parked task is in no stage",
    )?;

    record.state = TaskState::Running;
    store.save(&mut record).await.map_err(text)?;
    other.state = TaskState::Running;
    other.key_expires_epoch_s = 900_000;
    store.save(&mut other).await.map_err(text)?;
    wait().await;
    hold(
        due(Duty::Send, ever, 10).await?.is_empty() && due(Duty::Check, ever, 10).await?.len() == 2,
        "running tasks are due to be looked at, and not to be sent",
    )?;
    let keys = store.keys_expiring(1_000_000, 10).await.map_err(text)?;
    hold(
        keys == [(second.clone(), 900_000), (first.clone(), 1_000_000)],
        "running tasks' keys are listed, soonest first",
    )?;
    hold(
        store.keys_expiring(899_999, 10).await.map_err(text)?.is_empty(),
        "no key before its time",
    )?;
    hold(
        store.keys_expiring(1_000_000, 1).await.map_err(text)?.len() == 1,
        "a limit is kept",
    )?;

    deadlines(store, &mut record, &mut other, &wait).await?;

    record.end(TaskState::Delivered, 500, "done");
    record.delete_at_epoch_s = Some(600);
    store.save(&mut record).await.map_err(text)?;
    wait().await;
    hold(
        due(Duty::Sweep, 599, 10).await?.is_empty() && due(Duty::Sweep, 600, 10).await? == [first.clone()],
        "an ended task is due to be swept at its time",
    )?;
    hold(
        ids(Stage::InFlight).await? == [second.clone()],
        "an ended task is in flight no more",
    )?;
    let expected = store.expected(ever, 10).await.map_err(text)?;
    hold(
        expected == [(second.clone(), 3_000)],
        "an ended task has no deadline any more",
    )?;
    let keys = store.keys_expiring(1_000_000, 10).await.map_err(text)?;
    hold(
        keys == [(second.clone(), 900_000)],
        "an ended task's key is watched no more",
    )
}

/// Deadlines of two tasks that have not ended: the first is expected after the second, in the end.
async fn deadlines(
    store: &dyn TaskStore,
    first: &mut TaskRecord,
    second: &mut TaskRecord,
    wait: &impl AsyncFn(),
) -> Verdict {
    let ever = u64::from(u32::MAX);
    let expected = async |before_epoch_s, limit| store.expected(before_epoch_s, limit).await.map_err(text);
    for record in [&mut *first, &mut *second] {
        record.expected_finish_epoch_s = None;
        store.save(record).await.map_err(text)?;
    }
    wait().await;
    hold(
        expected(ever, 10).await?.is_empty(),
        "what nobody expects has no deadline",
    )?;
    first.expected_finish_epoch_s = Some(4_000);
    store.save(first).await.map_err(text)?;
    second.expected_finish_epoch_s = Some(3_000);
    store.save(second).await.map_err(text)?;
    wait().await;
    let (first, second) = (first.task_id.clone(), second.task_id.clone());
    hold(
        expected(4_000, 10).await? == [(second.clone(), 3_000), (first, 4_000)]
            && expected(ever, 1).await? == [(second, 3_000)]
            && expected(2_999, 10).await?.is_empty(),
        "what has not ended is told by its deadline, soonest first, up to time and limit",
    )
}

/// A gate is open until it is closed, and again once it is opened.
pub async fn gate(store: &dyn Gate) -> Verdict {
    let closed = async || store.closed().await.map_err(text);
    hold(closed().await?.is_none(), "a gate that nobody closed is open")?;
    for why in ["a test", "another reason, which counts"] {
        let why = GateClosed {
            since_epoch_s: 100,
            why: why.to_owned(),
        };
        store.close(&why).await.map_err(text)?;
        hold(closed().await? == Some(why), "a closed gate says why")?;
    }
    for _ in 0..2 {
        store.open().await.map_err(text)?;
        hold(closed().await?.is_none(), "an opened gate is open")?;
    }
    Ok(())
}

/// A record's place in the list of people's orders follows it. The store must hold no other order of people's; `wait` is called
/// before each look.
pub async fn people_index(
    store: &dyn TaskStore,
    index: &dyn PeopleIndex,
    prefix: &str,
    wait: impl AsyncFn(),
) -> Verdict {
    let id = |n: u32| TaskId::parse(format!("{prefix}{n}")).map_err(text);
    let mut records = Vec::new();
    // The first three are due at one time, so that their ids decide; the last has no time.
    for (n, due_epoch_s) in [
        (2, Some(500)),
        (10, Some(500)),
        (1, Some(500)),
        (4, Some(90)),
        (5, None),
    ] {
        let mut record = sample_people_record(&id(n)?);
        record.expected_finish_epoch_s = due_epoch_s;
        store.keep(&record).await.map_err(text)?;
        records.push(record);
    }
    let look = async |list, after: Option<&str>, before: Option<&str>, limit| {
        wait().await;
        let stretch = Stretch {
            list,
            after,
            before,
            limit,
        };
        index.waiting(stretch).await.map_err(text)
    };
    let ids = |orders: &[WaitingOrder]| -> Vec<String> {
        let ids = orders.iter().map(|order| order.task_id.to_string());
        ids.filter_map(|id| id.strip_prefix(prefix).map(str::to_owned))
            .collect()
    };
    let all = look(PeopleList::Open, None, None, 100).await?;
    hold(
        ids(&all) == ["4", "1", "10", "2", "5"],
        "open orders are told by due time, then by id",
    )?;
    hold(
        all.first() == WaitingOrder::of(&records[3]).as_ref(),
        "an order is told with all that a list shows",
    )?;
    hold(
        ids(&look(PeopleList::Open, None, None, 2).await?) == ["4", "1"],
        "a limit of the list is kept",
    )?;
    let behind = all[1].place();
    hold(
        ids(&look(PeopleList::Open, Some(&behind), None, 100).await?) == ["10", "2", "5"],
        "the list goes on behind a place, and passes over none of the same time",
    )?;
    let (at, later) = (format!("{:012}", 500), format!("{:012}", 501));
    hold(
        ids(&look(PeopleList::Open, None, Some(&at), 100).await?) == ["4"]
            && ids(&look(PeopleList::Open, Some(&behind), Some(&later), 100).await?) == ["10", "2"]
            && look(PeopleList::Open, Some(&behind), Some(&at), 100)
                .await?
                .is_empty(),
        "the list ends before a time",
    )?;
    let who = Person {
        id: PersonId::new("ana"),
        name: "Ana".to_owned(),
        groups: Vec::new(),
    };
    let mut taken = records.swap_remove(3);
    taken.people.take(&who, 1_000, 10).map_err(text)?;
    store.save(&mut taken).await.map_err(text)?;
    let mut gone = records.swap_remove(0);
    gone.state = TaskState::Gone;
    store.save(&mut gone).await.map_err(text)?;
    hold(
        ids(&look(PeopleList::Open, None, None, 100).await?) == ["1", "10", "5"]
            && ids(&look(PeopleList::Taken, None, None, 100).await?) == ["4"],
        "who takes an order moves it, and one that is gone is in no list",
    )?;
    taken.people.release(&who, 20).map_err(text)?;
    store.save(&mut taken).await.map_err(text)?;
    hold(
        look(PeopleList::Taken, None, None, 100).await?.is_empty()
            && look(PeopleList::Open, None, None, 100).await?.len() == 4,
        "what is released is open again",
    )
}

/// A write goes through only where the object is as expected, and an upload has the checksum with it.
pub async fn shared_objects(objects: &dyn SharedObjects) -> Verdict {
    const KEY: &str = "drafts/conformance/draft.json";
    let put = async |content: &'static str, expected: Expected<'_>| {
        let content = bytes::Bytes::from_static(content.as_bytes());
        let put = objects.put_expected(KEY, content, "application/json", expected);
        put.await.map_err(text)
    };
    let get = async || objects.get_tagged(KEY).await.map_err(text);
    hold(get().await?.is_none(), "an object that nobody wrote is not there")?;
    hold(
        objects.size_bytes(KEY).await.map_err(text)?.is_none(),
        "and has no size",
    )?;
    hold(
        put("none", Expected::Tagged("\"0123\"")).await?.is_none() && get().await?.is_none(),
        "a write that expects an object makes none",
    )?;
    let first = put("first", Expected::Missing).await?;
    let first = first.ok_or("does not hold: a first write goes through")?;
    hold(
        get().await? == Some((bytes::Bytes::from_static(b"first"), first.clone())),
        "it is read with the tag that its write answered",
    )?;
    hold(
        objects.size_bytes(KEY).await.map_err(text)? == Some(5),
        "its size is told",
    )?;
    hold(
        put("another first", Expected::Missing).await?.is_none(),
        "a second first write does not go through",
    )?;
    let second = put("second", Expected::Tagged(&first)).await?;
    let second = second.ok_or("does not hold: a write on the tag that was read goes through")?;
    hold(
        put("stale", Expected::Tagged(&first)).await?.is_none(),
        "a stale write does not go through",
    )?;
    hold(
        get().await? == Some((bytes::Bytes::from_static(b"second"), second)),
        "what was refused changed nothing",
    )?;
    let upload = objects
        .presign_upload("engine/1/1/handed-in-00.srt", &[7; 32], 1_790_000_000, 900)
        .await
        .map_err(text)?;
    hold(
        upload.headers.iter().any(|(name, value)| {
            name == "x-amz-checksum-sha256" && value == "BwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwc="
        }),
        "an upload has its checksum with it",
    )
}

/// A lease is one holder's until it ends or is given back.
pub async fn leases(store: &dyn Leases) -> Verdict {
    hold(
        store.take("poll", "a", 100, 60).await.map_err(text)?,
        "a free lease is taken",
    )?;
    hold(
        !store.take("poll", "b", 159, 60).await.map_err(text)?,
        "a held lease is not taken",
    )?;
    hold(
        store.take("poll", "a", 120, 60).await.map_err(text)?,
        "its holder may take it again",
    )?;
    store.give_back("poll", "b").await.map_err(text)?;
    hold(
        !store.take("poll", "b", 159, 60).await.map_err(text)?,
        "nobody gives back another's lease",
    )?;
    hold(
        store.take("poll", "b", 180, 60).await.map_err(text)?,
        "an ended lease is taken",
    )?;
    store.give_back("poll", "b").await.map_err(text)?;
    store.give_back("poll", "b").await.map_err(text)?;
    hold(
        store.take("poll", "c", 181, 60).await.map_err(text)?,
        "a lease given back is free",
    )
}

/// A session store gives back what was saved last.
pub async fn session_store(store: &dyn SessionStore) -> Verdict {
    let session = |ks: &str, expires_epoch_s| CachedSession {
        ks: kaltura::Ks::from(ks),
        expires_epoch_s,
    };
    store.save(&session("one", 10)).await.map_err(text)?;
    store.save(&session("two", 20)).await.map_err(text)?;
    hold(
        store.load().await.map_err(text)? == Some(session("two", 20)),
        "the session saved last is loaded",
    )
}

/// An object store gives back what was put, whole or by parts.
pub async fn object_store(store: &dyn ObjectStore, folder: &std::path::Path) -> Verdict {
    hold(
        store.get("conformance/none").await.map_err(text)?.is_none(),
        "an unknown key has no object",
    )?;
    store
        .put("conformance/a.srt", "one".into(), "text/plain")
        .await
        .map_err(text)?;
    store
        .put("conformance/a.srt", "two".into(), "text/plain")
        .await
        .map_err(text)?;
    let got = store.get("conformance/a.srt").await.map_err(text)?;
    hold(
        got.as_deref() == Some(b"two".as_slice()),
        "the object put last is read",
    )?;

    let first = vec![1_u8; media::sink::MIN_PART_BYTES];
    let second = vec![2_u8; 1_000];
    let sink = store.sink("conformance/big", "video/mp4").await.map_err(text)?;
    sink.put_part(2, second.clone().into()).await.map_err(text)?;
    sink.put_part(1, first.clone().into()).await.map_err(text)?;
    hold(
        store.get("conformance/big").await.map_err(text)?.is_none(),
        "nothing is visible before the end",
    )?;
    sink.finish(2).await.map_err(text)?;
    let file = folder.join("big");
    let size_bytes = store.download("conformance/big", &file).await.map_err(text)?;
    let content = std::fs::read(&file).map_err(text)?;
    hold(size_bytes == content.len() as u64, "a download tells its size")?;
    hold(
        content == [first, second].concat(),
        "parts become one object in the order of their numbers",
    )?;
    hold(
        store.download("conformance/none", &file).await.is_err(),
        "an unknown key can't be downloaded",
    )?;

    let abandoned = store
        .sink("conformance/gone/2", "video/mp4")
        .await
        .map_err(text)?;
    abandoned.put_part(1, vec![3; 10].into()).await.map_err(text)?;
    for key in ["conformance/gone/1", "conformance/gone-not"] {
        store.put(key, "12345".into(), "text/plain").await.map_err(text)?;
    }
    let deleted = store.delete_all("conformance/gone/").await.map_err(text)?;
    hold(
        (deleted.objects, deleted.size_bytes) == (1, 5),
        "what was deleted is told",
    )?;
    hold(
        store.get("conformance/gone/1").await.map_err(text)?.is_none()
            && store.get("conformance/gone-not").await.map_err(text)?.is_some(),
        "what begins so is deleted, and nothing else",
    )?;
    hold(
        store.delete_all("conformance/gone/").await.map_err(text)?.objects == 0,
        "a second time there is nothing to delete",
    )?;

    let signed = store
        .sign_get("conformance/a.srt", 1_700_000_000)
        .await
        .map_err(text)?;
    hold(
        !signed.url.contains('?') && !signed.header_lines.is_empty(),
        "a GET is signed by headers, not by query",
    )
}

/// A queue takes many orders at once.
pub async fn order_queue(queue: &dyn OrderQueue) -> Verdict {
    let order = |n: i64| {
        Ok((
            TaskId::parse(n.to_string()).map_err(text)?,
            PartnerId::from(110 + n % 3),
        ))
    };
    let orders = (0..23).map(order).collect::<Result<Vec<_>, String>>()?;
    hold(
        queue.send(&orders).await.map_err(text)?.is_empty(),
        "23 orders are taken",
    )?;
    hold(
        queue.send(&[]).await.map_err(text)?.is_empty(),
        "no orders are taken without harm",
    )
}

/// A stream store keeps once, saves only on the version that was read, and knows whose a connection is. `task_id` is a task that
/// has no stream there.
pub async fn stream_store(store: &dyn StreamStore, task_id: &TaskId) -> Verdict {
    let load = async || store.load(task_id).await.map_err(text);
    hold(load().await?.is_none(), "an unknown task has no stream")?;
    let mut stream = LiveStream::new(task_id.clone(), sample_stream_settings(), 500);
    hold(store.keep(&stream).await.map_err(text)?, "a new stream is kept")?;
    hold(
        !store.keep(&stream).await.map_err(text)?,
        "a second stream of the same task is not kept",
    )?;
    hold(
        load().await?.as_ref() == Some(&stream),
        "a stream is read as it was written",
    )?;
    let mut stale = stream.clone();
    stream.heard_until_ms = 1_500;
    hold(
        store.save(&mut stream).await.map_err(text)? && stream.version == 2,
        "a stream is saved on the version that was read, which it raises",
    )?;
    hold(
        !store.save(&mut stale).await.map_err(text)? && stale.version == 1,
        "a stale stream is not saved, and its version is left",
    )?;
    hold(
        load().await?.as_ref() == Some(&stream),
        "what was refused changed nothing",
    )?;

    let connection = ConnectionId::new("L0SM9cOFvHcCIhw=");
    let bound = async || store.bound(&connection).await.map_err(text);
    hold(bound().await?.is_none(), "an unknown connection is nobody's")?;
    for role in [Role::Engine, Role::Reader] {
        let to = Bound {
            task_id: task_id.clone(),
            role,
            expires_epoch_s: 4_102_444_800,
        };
        store.bind(&connection, &to).await.map_err(text)?;
        hold(
            bound().await? == Some(to),
            "a connection is whose it was noted to be",
        )?;
    }
    for _ in 0..2 {
        store.unbind(&connection).await.map_err(text)?;
        hold(bound().await?.is_none(), "a forgotten connection is nobody's")?;
        store.delete(task_id).await.map_err(text)?;
        hold(load().await?.is_none(), "a deleted stream is not there")?;
    }
    hold(
        !store.save(&mut stream).await.map_err(text)?,
        "a deleted stream is not saved",
    )
}

/// A websocket sends to connections that are there, in order, and knows when one is not. `open` is one that is; `received` waits
/// for so many texts of its client and answers them.
pub async fn sockets(
    sockets: &dyn Sockets,
    open: &ConnectionId,
    received: impl AsyncFn(usize) -> Vec<String>,
) -> Verdict {
    let nobody = ConnectionId::new("L0SM9cOFvHcCIhw=");
    hold(
        sockets.send(&nobody, "one").await.map_err(text)? == Sent::Gone
            && !sockets.is_open(&nobody).await.map_err(text)?,
        "nothing is sent to a connection that is not there",
    )?;
    sockets.close(&nobody).await.map_err(text)?;
    hold(
        sockets.is_open(open).await.map_err(text)?,
        "a connection that is there is open",
    )?;
    for message in ["one", "{\"two\":\"…\"}"] {
        hold(
            sockets.send(open, message).await.map_err(text)? == Sent::Sent,
            "a text is sent",
        )?;
    }
    hold(
        received(2).await == ["one", "{\"two\":\"…\"}"],
        "texts come in order, as they were sent",
    )?;
    for _ in 0..2 {
        sockets.close(open).await.map_err(text)?;
        hold(
            !sockets.is_open(open).await.map_err(text)?
                && sockets.send(open, "three").await.map_err(text)? == Sent::Gone,
            "a closed connection is not there",
        )?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::memory::{MemoryObjects, MemoryQueue, MemorySockets, MemoryStreams, MemoryTable};

    #[tokio::test]
    async fn the_doubles_of_live_captions_conform() {
        let task_id = TaskId::parse("9292").unwrap();
        stream_store(&MemoryStreams::default(), &task_id).await.unwrap();
        let memory = MemorySockets::default();
        let open = ConnectionId::new("open");
        memory.open(&open);
        sockets(&memory, &open, async |_| memory.received(&open))
            .await
            .unwrap();
    }

    #[tokio::test]
    async fn the_doubles_conform() {
        let table = MemoryTable::default();
        task_index(&table, "7", async || {}).await.unwrap();
        task_store(&table, "8").await.unwrap();
        leases(&table).await.unwrap();
        gate(&table).await.unwrap();
        session_store(&table).await.unwrap();
        let queue = MemoryQueue::default();
        order_queue(&queue).await.unwrap();
        assert_eq!(queue.take_all().len(), 23);
        let folder = tempfile::tempdir().unwrap();
        object_store(&MemoryObjects::default(), folder.path())
            .await
            .unwrap();
    }
}
