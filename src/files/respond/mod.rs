//! What is said of a file that was found: in which form, under which conditions, all of it or parts
//! (RFC 9110 sections 8 and 12 to 14).

pub mod answer;
pub mod code;
pub mod conditions;
pub mod multipart;
pub mod ranges;
pub mod ration;
pub mod sliced;
