// SPDX-License-Identifier: Apache-2.0
package dev.longnet.lm.distributed;

import dev.longnet.core.io.Field;
import dev.longnet.core.io.FieldMessage;
import java.util.List;
import java.util.Locale;
import java.util.Optional;
import java.util.stream.Collectors;
import java.util.stream.IntStream;
import org.jspecify.annotations.Nullable;

/// Makes one line for the user of what is known when a group fails: who, during what, and what to
/// do.
final class Evidence {
  private static final String MORE_TIME = FieldMessage.mark(Field.of("timeout"));

  private final Signs signs;
  private final List<Person> people;
  private final Person me;
  private final Rendezvous rendezvous;

  Evidence(Signs signs, List<Person> people, Person me, Rendezvous rendezvous) {
    this.signs = signs;
    this.people = people;
    this.me = me;
    this.rendezvous = rendezvous;
  }

  Failure of(Suspicion suspicion) {
    return switch (suspicion) {
      case Suspicion.Known known -> known.failure();
      case Suspicion.Broken broken -> broken(broken);
      case Suspicion.Overdue overdue -> overdue(overdue);
      case Suspicion.Silent silent -> silent(silent.during());
      case Suspicion.AllWait all -> allWait(all.mine());
    };
  }

  /// Whether a rank shows no sign of life any more.
  boolean isAnyoneSilent() {
    return people.stream().anyMatch(this::isSilent);
  }

  private boolean isSilent(Person person) {
    return person.rank() != me.rank() && signs.isSilent(person.rank());
  }

  /// Says who is waited for when the timeout is over and nobody is silent.
  String waitsOn(Suspicion.Overdue overdue) {
    GlooGroup group = overdue.group();
    List<Person> behind =
        IntStream.range(0, group.size())
            .filter(i -> i != group.rank() && lastNumber(group, i) < overdue.exchange().number)
            .mapToObj(group.people::get)
            .toList();
    String who =
        behind.isEmpty()
            ? "other ranks' messages"
            : behind.getFirst()
                + (behind.size() == 1 ? "" : " and " + (behind.size() - 1) + " more");
    return String.format(
        Locale.ROOT,
        "rank %d has been waiting for %s in %s for %d s. All ranks show signs of life: it goes on waiting, %d s in all",
        me.rank(),
        who,
        overdue.exchange().said(),
        overdue.exchange().waitedNanos() / 1_000_000_000,
        rendezvous.patience().toSeconds());
  }

  private Failure allWait(Suspicion.Overdue mine) {
    return Failure.lost(
        String.format(
            Locale.ROOT,
            "all ranks wait for one another, %s for %d s in %s: the network is too slow, or they wait for different things. Resume the run, and allow more time (%s)",
            me,
            mine.exchange().waitedNanos() / 1_000_000_000,
            mine.exchange().said(),
            MORE_TIME));
  }

  private static String advice(Person lost) {
    return ". Read the log of rank " + lost.rank() + ", then resume the run";
  }

  private Failure broken(Suspicion.Broken broken) {
    Person lost = broken.group().people.get(broken.peer());
    String why =
        broken.reason().contains("closed by peer") || broken.reason().contains("reset by peer")
            ? "its process ended"
            : broken.reason();
    return Failure.lost(
        String.format(
            Locale.ROOT,
            "%s was lost while rank %d was in %s: %s%s",
            lost,
            me.rank(),
            broken.during(),
            why,
            advice(lost)),
        1);
  }

  private Failure overdue(Suspicion.Overdue overdue) {
    String during = overdue.exchange().said();
    if (!signs.boardReason().isEmpty()) {
      return withoutStore(during);
    }
    if (isAnyoneSilent()) {
      return silent(during);
    }
    Person late = late(overdue.group());
    return Failure.lost(
        String.format(
            Locale.ROOT,
            "%s is alive but did not come to %s of rank %d within %d s%s, or allow more time (%s)",
            late,
            during,
            me.rank(),
            rendezvous.patience().toSeconds(),
            advice(late),
            MORE_TIME));
  }

  private Failure silent(String during) {
    List<Person> silent = people.stream().filter(this::isSilent).toList();
    Person lost = silent.getFirst();
    return Failure.lost(
        String.format(
            Locale.ROOT,
            "%s %s lost while rank %d was in %s: no sign of life for %d s, stopped or cut off%s",
            silent.stream().map(Person::toString).collect(Collectors.joining(", ")),
            silent.size() == 1 ? "was" : "were",
            me.rank(),
            during,
            signs.silentSeconds(lost.rank()),
            advice(lost)),
        silent.size());
  }

  /// Who is furthest behind.
  private Person late(GlooGroup group) {
    int member =
        IntStream.range(0, group.size())
            .filter(i -> i != group.rank())
            .boxed()
            .min((a, b) -> Long.compare(lastNumber(group, a), lastNumber(group, b)))
            .orElse(group.rank());
    return group.people.get(member);
  }

  private long lastNumber(GlooGroup group, int member) {
    return signs.last(group, member).map(Journal.Entry::number).orElse(-1L);
  }

  /// What is known when the store does not answer.
  Failure withoutStore(@Nullable Suspicion suspicion) {
    return switch (suspicion) {
      case null -> withoutStore(Watch.OWN_WORK);
      case Suspicion.Overdue overdue -> withoutStore(overdue.exchange().said());
      case Suspicion.Silent silent -> silent(silent.during());
      case Suspicion.AllWait all -> allWait(all.mine());
      case Suspicion.Known known -> known.failure();
      case Suspicion.Broken broken -> broken(broken);
    };
  }

  private Failure withoutStore(String during) {
    Optional<Person> keeper = people.stream().filter(Person::keeps).findFirst();
    String where = rendezvous.host() + ":" + rendezvous.port();
    String reason = signs.boardReason().isEmpty() ? "no answer" : signs.boardReason();
    return Failure.lost(
        keeper.isPresent()
            ? String.format(
                Locale.ROOT,
                "%s, which keeps the store on %s, was lost while %s was in %s: %s%s",
                keeper.get(),
                where,
                me,
                during,
                reason,
                advice(keeper.get()))
            : String.format(
                Locale.ROOT,
                "the store on %s was lost while %s was in %s: %s. Read the launcher's log, then resume the run",
                where,
                me,
                during,
                reason));
  }
}
