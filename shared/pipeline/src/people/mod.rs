//! Orders that people do: what they see of them, who may see and take them, and what they do with them.
//!
//! What lives here: persons and their groups ([`Person`]), the part of the record that is people's ([`PeopleRecord`]), the list
//! by due time ([`list`]), the work order as people see it ([`WorkOrder`]), drafts ([`draft`]), and what a person does with an
//! order ([`Desk`]). What does not: what a file must be and how the wait is completed ([`crate::handin`]), how it all comes over
//! HTTP (`functions/people`), and who a person is (the issuer of their token).
//!
//! Nobody who works here learns who the customer is: neither account nor entry is in anything that these types give out.

pub mod deadline;
pub mod desk;
pub mod draft;
mod hold;
pub mod list;
pub mod peaks;
mod person;
mod work_order;

pub use desk::Desk;
pub use hold::{Act, Ended, Hold, PeopleRecord, Rejection, Waiting, waiting};
pub use list::{PeopleList, WaitingOrder};
pub use person::{Person, PersonId, Refused, SUPERVISOR};
pub(crate) use work_order::must_be_vtt;
pub use work_order::{Flavors, Rules, WorkOrder};

use engines::Handover;
use kaltura::ServiceFeature;

/// A service as groups and people name it; `None` for those that people don't do here.
pub fn service_name(service: ServiceFeature) -> Option<&'static str> {
    Some(match service {
        ServiceFeature::Captions => "captions",
        ServiceFeature::Translation => "translation",
        ServiceFeature::Alignment => "alignment",
        ServiceFeature::Dubbing => "dubbing",
        ServiceFeature::AudioDescription => "audio-description",
        ServiceFeature::ExtendedAudioDescription => "extended-audio-description",
        ServiceFeature::Chaptering => "chaptering",
        _ => return None,
    })
}

/// What is to be handed in, as people name it.
pub fn deliverable_name(handover: Handover) -> &'static str {
    match handover {
        Handover::Script => "script",
        Handover::Sound => "sound",
        Handover::Chapters => "chapters",
        _ => "captions",
    }
}

#[cfg(test)]
mod tests {
    use engines::Handover;
    use kaltura::ServiceFeature;

    use super::{deliverable_name, service_name};
    use crate::conformance;
    use crate::memory::{MemoryObjects, MemoryTable};

    #[tokio::test]
    async fn the_doubles_do_as_the_adapters_must() {
        let table = MemoryTable::default();
        conformance::people_index(&table, &table, "6", async || {})
            .await
            .unwrap();
        conformance::shared_objects(&MemoryObjects::default())
            .await
            .unwrap();
    }

    /// Groups are named by them, and the page and its addresses.
    #[test]
    fn services_and_deliverables_have_the_names_of_groups() {
        let services = (1..=12).filter_map(|number| {
            let name = service_name(ServiceFeature::from(number))?;
            Some(format!("{number} {name}"))
        });
        assert_eq!(
            services.collect::<Vec<_>>(),
            [
                "1 captions",
                "2 translation",
                "3 alignment",
                "4 audio-description",
                "5 chaptering",
                "7 dubbing",
                "9 extended-audio-description",
            ]
        );
        let deliverables = [
            Handover::Captions,
            Handover::Script,
            Handover::Sound,
            Handover::Chapters,
        ];
        assert_eq!(
            deliverables.map(deliverable_name),
            ["captions", "script", "sound", "chapters"]
        );
    }
}
