# Prints 16 KiB of HTML, the same each time: a list of articles, repeated markup around words in
# varying order. gzip makes it between four and five times smaller.

BEGIN {
   size = 16384
   list = \
      "the of and to in is that for it as was with be by on not he his but at are this have " \
      "from or had an they which one you were her all she there would their we him been has " \
      "when who will more no if out so said what up its about into than them can only other new " \
      "some could time these two may then do first any my now such like our over man me even " \
      "most made after also did many before must through back years where much your way well " \
      "down should because each just those people how too little state good very make world " \
      "still own see men work long get here between both life being under never day same " \
      "another know while last might us great old year off come since against go came right " \
      "used take three harbour lantern ferry schedule tide granite market signal weather " \
      "orchard copper letter station bridge window river engine garden island museum paper " \
      "council winter journey machine village library captain evening mountain question teacher " \
      "measure current"
   words = split(list, word, " ")
   seed = 20240229
   page = "<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n" \
      "<title>The tide tables</title>\n<link rel=\"stylesheet\" href=\"/assets/site.css\">\n" \
      "</head>\n<body>\n<main class=\"articles\">\n"
   foot = "</main>\n</body>\n</html>\n"
   while (1) {
      next_part = article(++number)
      if (length(page next_part foot) > size) break
      page = page next_part
   }
   # The rest is one more paragraph, cut to the byte.
   left = size - length(page foot) - length("<p></p>\n")
   if (left > 0) page = page "<p>" substr(sentences(left), 1, left) "</p>\n"
   printf "%s%s", page, foot
}

function article(n,    text, i) {
   text = "<article class=\"card\" id=\"article-" n "\">\n" \
      "  <header class=\"card-header\">\n" \
      "    <h2 class=\"card-title\"><a href=\"/articles/" n "/" some() "-" some() "\">" \
      some() " " some() " " some() "</a></h2>\n" \
      "    <time class=\"card-date\" datetime=\"2024-" two(12) "-" two(28) "\">" \
      some() "</time>\n" \
      "  </header>\n  <ul class=\"card-tags\">\n"
   for (i = 0; i < 3; i++)
      text = text "    <li class=\"tag\"><a href=\"/tags/" some() "\">" some() "</a></li>\n"
   return text "  </ul>\n  <p class=\"card-text\">" sentences(200) "</p>\n" \
      "  <a class=\"card-more\" href=\"/articles/" n "\">Read more</a>\n</article>\n"
}

# Sentences of at least so many characters.
function sentences(least,    text, first, n) {
   while (length(text) < least) {
      first = some()
      text = text (text == "" ? "" : " ") toupper(substr(first, 1, 1)) substr(first, 2)
      for (n = 6 + random(9); n > 0; n--) text = text " " some()
      text = text "."
   }
   return text
}

# The first words of the list are the more frequent ones, as in any language.
function some() { return word[1 + random(1 + random(words))] }

function two(most) { return sprintf("%02d", 1 + random(most)) }

# Of 0 to n - 1. Every awk has another rand(), and this has to be the same on all.
function random(n) {
   seed = (seed * 16807) % 2147483647
   return int(seed / 2147483647 * n)
}
