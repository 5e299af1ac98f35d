/* A choice: an enumeration, and the names by which options call its values,
 * from one list.
 *
 *     #define LOSSES(X)      \
 *       X(LOSS_L1, "l1")     \
 *       X(LOSS_MSE, "mse")
 *     CHOICE(loss, LOSSES);
 *
 * is the type `loss` with two values; CHOICES(LOSSES) are the two names, by
 * value. An entry may have more arguments, for other uses of the list. */
#ifndef HARMONIA_CHOICE_H
#define HARMONIA_CHOICE_H

#define CHOICE(type, LIST) typedef enum type { LIST(CHOICE_VALUE) } type
#define CHOICE_VALUE(value, ...) value,

/* Of type const char *const *, ended by NULL; lives for ever outside functions,
 * within one as long as its block. */
#define CHOICES(LIST) ((const char *const[]){LIST(CHOICE_NAME) NULL})
#define CHOICE_NAME(value, name, ...) name,

/* The value that is called so, or -1. */
int choice_index(const char *const *names, const char *name);

#endif
