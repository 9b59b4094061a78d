// The scenes of a session, in the order in which a first lesson tells them. Each shows one thing.
//
// `stage`: which requests are drawn ("mine", "all"), or none. `deeds`: which large buttons stand below. `page`: the page
// that is shown instead. A new scene is one more entry; the number keys follow.

export const SCENES = [
  {
    title: "One search travels",
    say: "The front end asks one replica of each shard and joins their answers. Ask something.",
    stage: "mine",
    deeds: [],
  },
  {
    title: "Many at once",
    say: "Every dot is a recorded request. The numbers count all of them, also those that are not drawn.",
    stage: "all",
    deeds: [],
  },
  {
    title: "A machine dies",
    say: "Its program ends at once and nobody is told. Watch who answers in its place.",
    stage: "all",
    deeds: ["kill"],
  },
  {
    title: "A neighbour runs wild",
    say: "One instance burns all the CPU that it can get. Does the wall between them hold?",
    stage: "all",
    deeds: ["hog"],
  },
  {
    title: "What a host promises",
    say: "A host has so much CPU and memory. What is promised is taken, whether it is used or not.",
    page: "hosts",
  },
  {
    title: "What users felt",
    say: "Not the average: the slow ones. Each mark is something that happened to the machines.",
    page: "load",
  },
];
