// One value of a policy, by the type that its key has.
#pragma once

#include "kinds.h"
#include "policy.h"

namespace natlens::verify {

class ValueReader {
 public:
  explicit ValueReader(const Policy& policy) : policy_(policy) {}

  Result<Value> read(const Item& item, const KeyRow& row) const;
  // A prefix, a range, a name, a tap, or a list of them.
  Result<AddressSet> addresses(const Item& item) const;

 private:
  Result<void> one_address(std::string_view text, const Item& item, AddressSet& set) const;
  Result<void> words(const Item& item, const KeyRow& row, Value& value) const;
  Result<void> endpoint(const Item& item, Value& value) const;
  Result<void> amount(const Item& item, const KeyRow& row, Value& value) const;
  Result<void> scalar(const Item& item, const KeyRow& row, Value& value) const;
  Result<void> budget(const Item& item, const KeyRow& row, Value& value) const;

  const Policy& policy_;
};

}  // namespace natlens::verify
