// What is said.

/** Sentences of different lengths and beginnings, for latency. */
export const SENTENCES = [
  "Good morning! How can I help you today?",
  "The train leaves from platform four at half past nine.",
  "Yes.",
  "That is a good question, and the answer is a little longer than you might expect.",
  "Your order was shipped on Tuesday, and it should arrive within three working days.",
  "I am sorry, I did not catch that. Could you say it again?",
  "Water boils at 100 °C at sea level, but earlier in the mountains.",
  "Please turn left at the next crossing, then walk straight on for about two hundred metres.",
  "Of course.",
  "In 1969, two people walked on the moon for the first time.",
  "Before we begin, may I ask you for your name and the number of your booking?",
  "It costs $24.50, and delivery is free.",
  "Let me check that for you.",
  "There are three ways to do this, and I would suggest the second one.",
  "You can reach us from Monday to Friday, between eight and five o'clock.",
  "No, unfortunately the museum is closed on Mondays.",
  "Everything that you have told me stays between us.",
  "The password must have at least twelve characters, one of which is a digit.",
  "Great, we are done! Is there anything else that you would like to know?",
  "Whenever the red light blinks twice, wait for a moment and press the button again.",
  "She sells sea shells by the sea shore.",
  "Open the box, take out the cable, and plug it into the wall.",
  "The weather tomorrow will be mild, with some rain in the evening.",
  "Thank you very much for waiting.",
  "About 70 percent of the people we asked prefer to talk rather than type.",
  "If you are not sure, simply ask me.",
  "Our office is on the second floor, next to the library.",
  "Nobody likes to read a manual, so I will show you.",
  "Remember to save your work before you close the window.",
  "From here it is a short walk to the harbour, past the old market.",
  "Why do cats purr? Nobody knows exactly.",
  "I found two flights: one at noon and one in the late afternoon.",
  "Hold on, one thing is missing.",
  "Most of the bread that is sold here is baked during the night.",
  "With your permission, I will send the summary to your e-mail address.",
  "Right, and what happened then?",
  "All lights are green, so the system works as it should.",
  "Just a second, please.",
  "Children under six travel free if they are with an adult.",
  "However you decide, you can change your mind until Friday.",
];

/** About half a minute, for everything that talks for long. */
export const STORY = [
  "A lighthouse keeper once told me that the hardest part of his work was not the storms.",
  "Storms, he said, keep you busy: you trim the lamp, you watch the glass, and you count the hours.",
  "The hard part was the calm, when the sea lay flat for days and nothing moved but the gulls.",
  "So he began to write letters to every ship that passed, and he asked each of them one question.",
  "Where are you going, and what do you hope to find there?",
  "In forty years he received more than nine hundred answers, and no two of them were alike.",
].join(" ");

/** Paragraphs for sessions that go on talking; each session begins at another one. */
export const PARAGRAPHS = [
  STORY,
  "Tea came to Europe by sea, in wooden chests that were lined with lead. It was so dear that people kept it under lock and key, and only the lady of the house carried the key. A pound of the best leaves cost as much as a cook earned in two months. It took a hundred years until everybody could afford a cup.",
  "To repair a bicycle tube you need a patch, some glue, and a piece of sandpaper. First find the hole: pump the tube up and hold it under water until you see bubbles. Dry it, roughen the rubber, and put on a thin layer of glue. Wait for five minutes before you press the patch on, because glue that is still wet does not hold.",
  "Bees tell each other where the flowers are by dancing. The direction of the dance, compared with straight up, is the direction of the flowers, compared with the sun. The longer the bee waggles, the farther they have to fly. Others follow close behind in the dark of the hive, and then they set off on their own.",
];
