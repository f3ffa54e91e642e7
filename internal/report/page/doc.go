// Package page writes report.html: everything about one run in one file that needs
// no network. Write takes what was found out about a run (see Run) with its history and
// its journal; the caller has judged them.
//
// The page is a plain document with the verdict, the findings, the statistics and the
// matrix of messages, which can be read without scripts. Scripts of its own, embedded
// here, draw the rest: latency, rate, operations and the Lamport diagram over one axis
// of time. They find the records in blocks of data at the end of the page: compressed,
// in base64, one number after the other (see encode.go and assets/data.js).
//
// What a run holds is data and never markup: html/template escapes what is in the
// document, and the scripts write text with textContent or on a canvas. SecurityPolicy
// lets the page run its own script, which it names by its hash, and nothing else, and
// load nothing.
//
// The page is bounded whatever the run is: see the limits in encode.go. What was left
// out is counted, and the page says so.
package page
